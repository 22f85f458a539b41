//! What the device refuses becomes an `Error`, never a panic.
use std::ops::ControlFlow;
use std::sync::Arc;

use blt::Error;
use blt::checkpoint::Checkpoint;
use blt::device::{AdapterChoice, Device, DeviceOptions, Tensor};
use blt::model::entropy::EntropyModel;
use blt::session::{EntropyOptions, EntropySession};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/gqa");

fn open() -> Arc<Device> {
    crate::common::device()
}

#[test]
fn a_buffer_beyond_the_limits() {
    let device = open();
    device.check().unwrap();
    let _ = Tensor::new(&device, "too large", usize::MAX >> 8);
    let error = device.check().unwrap_err();
    assert!(
        matches!(error, Error::Device(_) | Error::OutOfMemory(_)),
        "{error}"
    );
    assert_eq!(error.exit_code(), 1);
}

#[test]
fn a_lost_device() {
    pollster::block_on(async {
        let device = open();
        let checkpoint = Checkpoint::open(MODEL).unwrap();
        let weights = checkpoint.entropy_weights().unwrap();
        let model = Arc::new(EntropyModel::load(&device, &weights, |_| ()).await.unwrap());
        let mut session = EntropySession::new(&model, EntropyOptions::default()).unwrap();
        session
            .push(&blt::bytes::prompt(b"still here"))
            .await
            .unwrap();
        device.destroy();
        for _ in 0..2 {
            let error = session.push(&[70, 71]).await.unwrap_err();
            assert!(matches!(error, Error::DeviceLost(_)), "{error}");
        }
        assert!(EntropyModel::load(&device, &weights, |_| ()).await.is_err());
    });
}

#[test]
fn nothing_is_under_way_while_the_device_is_idle() {
    let device = crate::common::on_graphics();
    let busy = Arc::clone(&device);
    let graphics = device.gpu().unwrap();
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
        let status = graphics.while_idle(|| {
            std::thread::sleep(std::time::Duration::from_millis(1));
            graphics.device().poll(wgpu::PollType::wait_indefinitely())
        });
        assert_eq!(status.unwrap(), wgpu::PollStatus::QueueEmpty);
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    worker.join().unwrap();
    device.check().unwrap();
}

#[test]
fn a_load_that_is_stopped_leaves_the_device_as_it_was() {
    pollster::block_on(async {
        let device = open();
        let checkpoint = Checkpoint::open(MODEL).unwrap();
        let weights = checkpoint.entropy_weights().unwrap();
        let mut pieces = 0;
        let stopped = EntropyModel::load_while(&device, &weights, |_| {
            pieces += 1;
            match pieces {
                3 => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        });
        let error = stopped.await.unwrap_err();
        assert!(matches!(error, Error::Interrupted), "{error}");
        assert_eq!(pieces, 3, "nothing more is read");
        let model = Arc::new(EntropyModel::load(&device, &weights, |_| ()).await.unwrap());
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
        let options = DeviceOptions {
            choice,
            ..Default::default()
        };
        let error = pollster::block_on(Device::open(&options)).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        assert!(error.to_string().contains(adapter.unwrap()), "{error}");
    }
}
