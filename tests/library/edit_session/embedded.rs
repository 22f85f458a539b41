//! With the embedded model, whose reach is long.

use std::sync::Arc;

use blt::checkpoint::Checkpoint;
use blt::model::entropy::EntropyModel;
use blt::session::{ContextOptions, EditOptions, EditSession};

use super::{
    Fresh, TOLERANCE_IN_PLACE, TOLERANCE_OF_LONG, cells_agree, distribution_is_of, finish, prose,
    rows_of,
};

async fn model() -> Arc<EntropyModel> {
    let device = crate::common::device();
    let checkpoint = Checkpoint::embedded().unwrap();
    let weights = checkpoint.entropy_weights().unwrap();
    Arc::new(EntropyModel::load(&device, &weights, |_| ()).await.unwrap())
}

#[test]
fn edits_of_the_embedded_model() {
    pollster::block_on(async {
        let model = model().await;
        let context = ContextOptions::default();
        let options = EditOptions {
            keep_best: true,
            ..EditOptions::default()
        };
        let mut edited = EditSession::new(&model, options).unwrap();
        let mut fresh = Fresh::new(&model, context);
        assert_eq!(model.reach(), Some(2044));
        edited.edit(0..0, &prose(4096)).unwrap();
        finish(&mut edited).await;
        assert_eq!(edited.rows_computed(), 4097);

        for at in [1700, 900] {
            edited.edit(at..at + 12, "바이트다".as_bytes()).unwrap();
            edited.step().await.unwrap();
            edited.step().await.unwrap();
        }
        let at = "in place, with steps left";
        fresh.agrees(&edited, TOLERANCE_IN_PLACE, at).await;
        finish(&mut edited).await;
        fresh.agrees(&edited, TOLERANCE_IN_PLACE, "in place").await;

        edited.edit(4096..4096, "끝".as_bytes()).unwrap();
        edited.edit(1000..1000, "한글".as_bytes()).unwrap();
        edited.step().await.unwrap();
        edited.step().await.unwrap();
        let at = "two steps after an insertion";
        fresh.agrees(&edited, TOLERANCE_OF_LONG, at).await;
        edited.edit(1006..1100, b"").unwrap();
        edited.step().await.unwrap();
        edited.edit(300..310, b"interrupted").unwrap();
        finish(&mut edited).await;
        let at = "three edits";
        fresh.agrees(&edited, TOLERANCE_OF_LONG, at).await;
        cells_agree(&model, &edited, at).await;

        let log_p = edited.distribution(1500).await.unwrap();
        let nll = edited.nlls()[1500];
        distribution_is_of(&log_p, edited.entropies()[1500], Some(nll));
        let byte = usize::from(edited.bytes()[1500]) + 4;
        assert!((log_p[byte] + nll).abs() < 1e-4);

        edited.prepare(512).await.unwrap();
        assert_eq!(rows_of(&mut edited, 512..512, b"k").await, 2045);
        let end = edited.bytes().len();
        assert_eq!(rows_of(&mut edited, end..end, b"k").await, 1);
        fresh.agrees(&edited, TOLERANCE_OF_LONG, "prepared").await;
        cells_agree(&model, &edited, "prepared").await;
    });
}
