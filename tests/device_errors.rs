//! What the GPU refuses becomes an `Error`, never a panic.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::ops::ControlFlow;
use std::sync::Arc;

use blt::Error;
use blt::checkpoint::Checkpoint;
use blt::gpu::{AdapterChoice, Gpu, GpuOptions, Tensor};
use blt::model::entropy::EntropyModel;
use blt::session::{EntropyOptions, EntropySession};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/gqa");

fn open() -> Arc<Gpu> {
    pollster::block_on(Gpu::open(&GpuOptions::default())).unwrap()
}

#[test]
fn a_buffer_beyond_the_limits() {
    let gpu = open();
    gpu.check().unwrap();
    let _ = Tensor::new(&gpu, "too large", usize::MAX >> 8);
    let error = gpu.check().unwrap_err();
    assert!(
        matches!(error, Error::Gpu(_) | Error::OutOfMemory(_)),
        "{error}"
    );
    assert_eq!(error.exit_code(), 1);
}

#[test]
fn a_lost_device() {
    pollster::block_on(async {
        let gpu = open();
        let checkpoint = Checkpoint::open(MODEL).unwrap();
        let weights = checkpoint.entropy_weights().unwrap();
        let model = Arc::new(EntropyModel::load(&gpu, &weights, |_| ()).await.unwrap());
        let mut session = EntropySession::new(&model, EntropyOptions::default()).unwrap();
        session
            .push(&blt::bytes::prompt(b"still here"))
            .await
            .unwrap();
        gpu.destroy();
        for _ in 0..2 {
            let error = session.push(&[70, 71]).await.unwrap_err();
            assert!(matches!(error, Error::DeviceLost(_)), "{error}");
        }
        assert!(EntropyModel::load(&gpu, &weights, |_| ()).await.is_err());
    });
}

#[test]
fn nothing_is_under_way_while_the_device_is_idle() {
    let gpu = open();
    let busy = Arc::clone(&gpu);
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let worker = std::thread::spawn(move || {
        let data = vec![0.0_f32; 1 << 20];
        let tensors = [(); 2].map(|()| Tensor::from(&busy, "data", &data));
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            busy.copy(tensors[0].all(), tensors[1].all(), 1);
        }
    });
    for _ in 0..100 {
        let status = gpu.while_idle(|| {
            std::thread::sleep(std::time::Duration::from_millis(1));
            gpu.device().poll(wgpu::PollType::wait_indefinitely())
        });
        assert_eq!(status.unwrap(), wgpu::PollStatus::QueueEmpty);
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    worker.join().unwrap();
    gpu.check().unwrap();
}

#[test]
fn a_load_that_is_stopped_leaves_the_device_as_it_was() {
    pollster::block_on(async {
        let gpu = open();
        let checkpoint = Checkpoint::open(MODEL).unwrap();
        let weights = checkpoint.entropy_weights().unwrap();
        let mut pieces = 0;
        let stopped = EntropyModel::load_while(&gpu, &weights, |_| {
            pieces += 1;
            match pieces {
                3 => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        });
        let error = stopped.await.unwrap_err();
        assert!(matches!(error, Error::Interrupted), "{error}");
        assert_eq!(pieces, 3, "nothing more is read");
        let model = Arc::new(EntropyModel::load(&gpu, &weights, |_| ()).await.unwrap());
        let mut session = EntropySession::new(&model, EntropyOptions::default()).unwrap();
        session
            .push(&blt::bytes::prompt(b"still here"))
            .await
            .unwrap();
    });
}

#[test]
fn adapters_that_are_not_there() {
    for (adapter, backend) in [(Some("no such card"), None), (Some("99"), None)] {
        let choice = AdapterChoice {
            adapter: adapter.map(str::to_owned),
            backend,
        };
        let options = GpuOptions {
            choice,
            ..Default::default()
        };
        let error = pollster::block_on(Gpu::open(&options)).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        assert!(error.to_string().contains(adapter.unwrap()), "{error}");
    }
}
