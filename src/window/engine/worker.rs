//! The loop of what computes.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};

use futures_channel::mpsc::UnboundedReceiver;

use super::analysis::Analysis;
use super::comparison::Comparison;
use super::generation::Generation;
use super::job::Job;
use super::loading::{Going, Loader};
use super::model::Beside;
use super::scan::Scan;
use super::task::give_way;
use super::{Model, Outbox, Request, Update, table};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::window::error_message::ErrorMessage;

/// Serves requests until the window is gone, or the device is lost.
pub(super) async fn run(
    device: Arc<Device>,
    requests: Receiver<Request>,
    mut bell: UnboundedReceiver<()>,
    outbox: Outbox,
) {
    let mut worker = Worker {
        device,
        model: None,
        loader: Loader::default(),
        analysis: Analysis::default(),
        generation: Generation::default(),
        comparison: Comparison::default(),
        scan: Scan::default(),
        outbox: outbox.clone(),
    };
    while !outbox.is_closed() {
        let done = match requests.try_recv() {
            Ok(request) => worker.take(request).await,
            Err(TryRecvError::Disconnected) => return,
            Err(TryRecvError::Empty) if worker.is_busy() => worker.slice().await,
            // Rung after each request, and when what was waited for is there.
            Err(TryRecvError::Empty) => match bell.recv().await {
                Ok(()) => continue,
                Err(_) => return,
            },
        };
        if let Err(error) = done
            && worker.fail(&error)
        {
            return;
        }
        give_way().await;
    }
}

struct Worker {
    device: Arc<Device>,
    model: Option<Arc<Model>>,
    /// Of the next model.
    loader: Loader<Model>,
    analysis: Analysis,
    generation: Generation,
    comparison: Comparison,
    scan: Scan,
    outbox: Outbox,
}

impl Worker {
    /// The work for all screens, the most urgent first.
    fn jobs(&mut self) -> [&mut dyn Job; 4] {
        [
            &mut self.analysis,
            &mut self.generation,
            &mut self.comparison,
            &mut self.scan,
        ]
    }

    fn is_busy(&mut self) -> bool {
        self.loader.is_ready() || self.jobs().iter().any(|job| job.is_busy())
    }

    async fn take(&mut self, request: Request) -> Result<()> {
        match request {
            Request::Open(name) => self.open(name),
            Request::CancelOpen => {
                if self.loader.cancel() {
                    self.outbox.put(Update::OpenCancelled);
                }
            }
            Request::Analysis(request) => self.analysis.ask(request)?,
            Request::Generate(request) => self.generation.ask(request, &self.outbox)?,
            Request::Compare(request) => self.comparison.ask(request, &self.outbox),
            Request::File(request) => self.scan.ask(request, &self.outbox)?,
            Request::Table(request) => table::open(request, &self.outbox),
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
        self.loader
            .start(&self.outbox, tell, async move |going: &Going<'_>| {
                Model::open(&device, name, beside, going).await
            });
    }

    /// Takes the model that has been opened.
    fn opened(&mut self, opened: Result<Model>) -> Result<()> {
        match opened {
            Ok(model) => self.use_model(model),
            Err(error @ Error::DeviceLost(_)) => Err(error),
            Err(error) => {
                self.outbox.put(Update::NotOpened(ErrorMessage::of(&error)));
                Ok(())
            }
        }
    }

    fn use_model(&mut self, model: Model) -> Result<()> {
        let model = Arc::new(model);
        for job in self.jobs() {
            job.use_model(&model)?;
        }
        self.model = Some(Arc::clone(&model));
        self.outbox.put(Update::Opened(model));
        Ok(())
    }

    /// Does a piece of the most urgent work.
    async fn slice(&mut self) -> Result<()> {
        if let Some(opened) = self.loader.take() {
            return self.opened(opened);
        }
        let outbox = self.outbox.clone();
        match self.jobs().into_iter().find(|job| job.is_busy()) {
            Some(job) => job.slice(&outbox).await,
            None => Ok(()),
        }
    }

    /// Tells of a failure; says whether it was the last one.
    fn fail(&mut self, error: &Error) -> bool {
        let lost = matches!(error, Error::DeviceLost(_)) || self.device.check().is_err();
        let outbox = self.outbox.clone();
        for job in self.jobs() {
            job.give_up();
            if lost {
                job.hand_over(&outbox);
            }
        }
        self.outbox.put(match lost {
            true => Update::Lost(ErrorMessage::of(error)),
            false => Update::Failed(ErrorMessage::of(error)),
        });
        lost
    }
}
