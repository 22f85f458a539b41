//! The processor as a device: threads and vector instructions.

use crate::device::cpu::raw::{Level, Pool, Tile, TileShape, Work, share_chunks, share_tiles};

/// Threads that share the steps of plans, and the instructions they use.
///
/// Results do not depend on the number of threads: however work is cut into pieces, no
/// sum is.
pub(crate) struct Cpu {
    level: Level,
    /// With the instructions for products of integers that only some processors of the
    /// level have.
    integers: bool,
    pool: Pool,
    share_from: usize,
}

/// Multiply-adds, or as much other work, from which a step is shared: about ten
/// microseconds of one thread.
const SHARE_FROM: usize = 100_000;

/// Numbers that are too few for a piece where a row is made in one go.
const SHORT: usize = 4096;

impl Cpu {
    /// With that many threads, the calling one among them, or as many as the
    /// system gives, and vector instructions up to that level.
    #[must_use]
    pub(crate) fn new(threads: usize, level: Level) -> Self {
        Self {
            level: level.min(Level::detect()),
            integers: true,
            pool: Pool::new(threads),
            share_from: SHARE_FROM,
        }
    }

    /// Shares even the smallest step, for tests.
    #[cfg(test)]
    #[must_use]
    pub(crate) fn sharing_all(self) -> Self {
        Self {
            share_from: 0,
            ..self
        }
    }

    /// Only with what every processor of the level has, for tests.
    #[cfg(test)]
    #[must_use]
    pub(crate) fn of_the_level_alone(self) -> Self {
        Self {
            integers: false,
            ..self
        }
    }

    /// The instructions in use.
    #[must_use]
    pub(crate) fn level(&self) -> Level {
        self.level
    }

    /// The threads in use.
    #[must_use]
    pub(crate) fn threads(&self) -> usize {
        self.pool.threads()
    }

    /// Runs `work` with this processor's vectors on the calling thread.
    pub(crate) fn lanes<W: Work>(&self, work: W) -> W::Output {
        self.level.run(work)
    }

    /// As [`lanes`](Self::lanes), with the instructions that only some processors have for
    /// products of integers.
    pub(crate) fn integer_lanes<W: Work>(&self, work: W) -> W::Output {
        match self.integers {
            true => self.level.run_integers(work),
            false => self.level.run(work),
        }
    }

    /// Calls `piece` once for each number below `pieces`. `work`: all they do, in
    /// multiply-adds; little is done on the calling thread alone.
    #[cfg(test)]
    pub(crate) fn pieces(&self, pieces: usize, work: usize, piece: impl Fn(usize) + Sync) {
        self.pool.run(work >= self.share_from, pieces, &piece);
    }

    /// As [`pieces`](Self::pieces), for every `size` neighbours of a slice.
    pub(crate) fn chunks<T: Send>(
        &self,
        slice: &mut [T],
        size: usize,
        work: usize,
        chunk: impl Fn(usize, &mut [T]) + Sync,
    ) {
        share_chunks(&self.pool, work >= self.share_from, slice, size, chunk);
    }

    /// As [`pieces`](Self::pieces), for every row of a matrix; short rows are
    /// handed out several at a time.
    pub(crate) fn rows<T: Send>(
        &self,
        matrix: &mut [T],
        columns: usize,
        work: usize,
        row: impl Fn(usize, &mut [T]) + Sync,
    ) {
        let rows = (SHORT / columns.max(1)).max(1);
        self.chunks(matrix, rows * columns, work, |chunk, part| {
            for (i, part) in part.chunks_exact_mut(columns).enumerate() {
                row(chunk * rows + i, part);
            }
        });
    }

    /// As [`pieces`](Self::pieces), for every tile of a matrix.
    pub(crate) fn tiles<T: Send>(
        &self,
        matrix: &mut [T],
        shape: TileShape,
        work: usize,
        tile: impl Fn(Tile<'_, T>) + Sync,
    ) {
        share_tiles(&self.pool, work >= self.share_from, matrix, shape, tile);
    }
}

impl std::fmt::Debug for Cpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut cpu = f.debug_struct("Cpu");
        cpu.field("level", &self.level)
            .field("threads", &self.threads());
        cpu.finish_non_exhaustive()
    }
}
