//! The loop of the thread that computes.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};

use super::analysis::{Analysis, AnalysisRequest};
use super::comparison::Comparison;
use super::generation::Generation;
use super::loading::Loader;
use super::model::Beside;
use super::scan::Scan;
use super::{Model, Outbox, Request, Update, table};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::session::ContextOptions;

/// Serves requests until the window is gone, or the device is lost.
pub(super) fn run(device: Arc<Device>, requests: &Receiver<Request>, outbox: &Outbox) {
    let mut worker = Worker {
        device,
        model: None,
        loader: Loader::default(),
        analysis: None,
        context: ContextOptions::default(),
        generation: Generation::default(),
        comparison: Comparison::default(),
        scan: Scan::default(),
        outbox: outbox.clone(),
    };
    while !outbox.is_closed() {
        let next = if worker.is_busy() {
            match requests.try_recv() {
                Ok(request) => Some(request),
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Disconnected) => return,
            }
        } else {
            match requests.recv() {
                Ok(request) => Some(request),
                Err(_) => return,
            }
        };
        let done = pollster::block_on(async {
            match next {
                Some(request) => worker.take(request).await,
                None => worker.slice().await,
            }
        });
        if let Err(error) = done
            && worker.fail(&error)
        {
            return;
        }
    }
}

struct Worker {
    device: Arc<Device>,
    model: Option<Arc<Model>>,
    /// Of the next model.
    loader: Loader<Model>,
    analysis: Option<Analysis>,
    /// Where the context of the analysis is cut, also of the next one.
    context: ContextOptions,
    generation: Generation,
    comparison: Comparison,
    scan: Scan,
    outbox: Outbox,
}

impl Worker {
    fn is_busy(&self) -> bool {
        self.loader.is_ready()
            || self.analysis.as_ref().is_some_and(Analysis::is_busy)
            || self.generation.is_busy()
            || self.comparison.is_busy()
            || self.scan.is_busy()
    }

    async fn take(&mut self, request: Request) -> Result<()> {
        match request {
            Request::Open(name) => self.open(name),
            Request::CancelOpen => {
                if self.loader.cancel() {
                    self.outbox.put(Update::OpenCancelled);
                }
            }
            Request::Analysis(request) => {
                let Some(model) = &self.model else {
                    return Ok(());
                };
                if let AnalysisRequest::Context(context) = &request {
                    self.context = *context;
                }
                let analysis = match &mut self.analysis {
                    Some(analysis) => analysis,
                    none => none.insert(Analysis::new(model, self.context)?),
                };
                analysis.ask(request, model)?;
            }
            Request::Generate(request) => {
                let model = self.model.as_ref();
                self.generation.ask(request, model, &self.outbox).await?;
            }
            Request::Compare(request) => {
                let model = self.model.as_ref();
                self.comparison.ask(request, model, &self.outbox).await?;
            }
            Request::File(request) => {
                let model = self.model.as_ref();
                self.scan.ask(request, model, &self.outbox).await?;
            }
            Request::Table(request) => table::open(request, &self.outbox),
            Request::Look => {}
        }
        Ok(())
    }

    /// Begins to open a model beside the one that is there.
    fn open(&mut self, name: Option<String>) {
        let device = Arc::clone(&self.device);
        let beside = self.model.as_ref().map(|model| Beside {
            bytes: model.bytes() + self.generation.memory(),
            embedded: model.name.is_none(),
        });
        let outbox = self.outbox.clone();
        let tell = move |done, total| outbox.put(Update::Loading { done, total });
        self.loader.start(&self.outbox, tell, move |going| {
            pollster::block_on(Model::open(&device, name, beside, going))
        });
    }

    /// Takes the model that has been opened.
    fn opened(&mut self, opened: Result<Model>) -> Result<()> {
        match opened {
            Ok(model) => self.use_model(model),
            Err(error @ Error::DeviceLost(_)) => Err(error),
            Err(error) => {
                self.outbox.put(Update::NotOpened(error.to_string()));
                Ok(())
            }
        }
    }

    fn use_model(&mut self, model: Model) -> Result<()> {
        let model = Arc::new(model);
        if let Some(analysis) = &mut self.analysis {
            *analysis = analysis.with_model(&model)?;
        }
        self.generation.use_model(&model)?;
        self.comparison.use_model(&model)?;
        self.scan.use_model(&model)?;
        self.model = Some(Arc::clone(&model));
        self.outbox.put(Update::Opened(model));
        Ok(())
    }

    /// Does a piece of the most urgent work.
    async fn slice(&mut self) -> Result<()> {
        if let Some(opened) = self.loader.take() {
            self.opened(opened)
        } else if let Some(analysis) = &mut self.analysis
            && analysis.is_busy()
        {
            analysis.slice(&self.outbox).await
        } else if self.generation.is_busy() {
            self.generation.slice(&self.outbox).await
        } else if self.comparison.is_busy() {
            self.comparison.slice(&self.outbox).await
        } else if self.scan.is_busy() {
            self.scan.slice(&self.outbox).await
        } else {
            Ok(())
        }
    }

    /// Tells of a failure; says whether it was the last one.
    fn fail(&mut self, error: &Error) -> bool {
        // After another error a session is unusable; the next text makes a new one.
        self.analysis = None;
        self.generation.give_up();
        self.comparison.give_up();
        self.scan.give_up();
        let lost = matches!(error, Error::DeviceLost(_)) || self.device.check().is_err();
        if lost {
            self.generation.hand_over(&self.outbox);
        }
        self.outbox.put(match lost {
            true => Update::Lost(error.to_string()),
            false => Update::Failed(error.to_string()),
        });
        lost
    }
}
