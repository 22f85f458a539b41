//! Which share of a corpus a run has.

use std::str::FromStr;

/// One of several runs that share a corpus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which one, from 0.
    pub index: u32,
    /// How many there are.
    pub count: u32,
}

impl Default for Shard {
    /// The only one.
    fn default() -> Self {
        Self { index: 0, count: 1 }
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/');
        let read = |(index, count): (&str, &str)| {
            let (index, count) = (index.parse().ok()?, count.parse().ok()?);
            (index < count).then_some(Self { index, count })
        };
        numbers
            .and_then(read)
            .ok_or_else(|| "a share is I/N, the I-th of N from 0 on, such as 0/8 to 7/8".to_owned())
    }
}

/// What a shard has of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    /// Nothing.
    Nothing,
    /// All of it.
    Whole,
    /// Of each `count` batches the one with this index.
    Batches { index: u64, count: u64 },
}

impl Share {
    /// Whether a batch is among them.
    pub(super) fn has(self, batch: u64) -> bool {
        match self {
            Self::Nothing => false,
            Self::Whole => true,
            Self::Batches { index, count } => batch % count == index,
        }
    }
}

impl Shard {
    /// The shares of inputs of these sizes in bytes: whole inputs, the largest first, each
    /// to the shard that has least; or batches of each, if there are fewer inputs than
    /// shards.
    pub(super) fn shares(self, sizes: &[u64]) -> Vec<Share> {
        let count = self.count as usize;
        if count == 1 {
            return vec![Share::Whole; sizes.len()];
        }
        let count = u64::from(self.count);
        if (sizes.len() as u64) < count {
            let own = |input: usize| Share::Batches {
                // Inputs of a single batch do not all go to the first shard.
                index: (u64::from(self.index) + input as u64) % count,
                count,
            };
            return (0..sizes.len()).map(own).collect();
        }
        let mut order: Vec<usize> = (0..sizes.len()).collect();
        order.sort_by_key(|input| std::cmp::Reverse(sizes[*input]));
        let mut shares = vec![Share::Nothing; sizes.len()];
        let mut loads: Vec<(u64, u32)> = (0..self.count).map(|shard| (0, shard)).collect();
        for input in order {
            if let Some(least) = loads.iter_mut().min() {
                // An empty input is work too.
                least.0 += sizes[input].max(1);
                if least.1 == self.index {
                    shares[input] = Share::Whole;
                }
            }
        }
        shares
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn shards_are_read() {
        assert_eq!("2/8".parse(), Ok(Shard { index: 2, count: 8 }));
        for bad in ["", "8/8", "1", "-1/2", "a/b", "0/0", "1/2/3"] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
    }

    #[test]
    fn every_batch_has_one_shard() {
        for (count, sizes) in [
            (1, vec![5, 0, 3]),
            (3, vec![9]),
            (3, vec![9, 2]),
            (3, vec![1, 1, 0, 7, 0]),
            (5, vec![]),
        ] {
            let all: Vec<Vec<Share>> = (0..count)
                .map(|index| Shard { index, count }.shares(&sizes))
                .collect();
            for input in 0..sizes.len() {
                for batch in 0..20 {
                    let owners = all.iter().filter(|shares| shares[input].has(batch)).count();
                    assert_eq!(owners, 1, "{count} {sizes:?} {input} {batch}");
                }
            }
        }
        // The large input and the small ones.
        let shares = |index| Shard { index, count: 2 }.shares(&[1, 9, 2, 3]);
        let whole = |index: u32| {
            let own = shares(index).into_iter().enumerate();
            own.filter(|(_, share)| *share == Share::Whole)
                .map(|(i, _)| i)
                .collect::<Vec<_>>()
        };
        assert_eq!((whole(0), whole(1)), (vec![1], vec![0, 2, 3]));
        assert_eq!("0/1".parse::<Shard>().unwrap(), Shard::default());
    }
}
