//! The text that is read where none is given.

/// Prose, names, numbers and a little code, written for this purpose. It is
/// longer than a usual measurement, because a text that repeats itself is easier
/// to predict, gets longer patches, and looks faster than it is.
pub const TEXT: &str = "\
The harbour of Eyrarbakki lies open to the south, and on a clear morning the fishermen could count \
eleven sails between the skerries and the point. Ragnhildur Jónsdóttir kept the ledger for the \
trading house: 214 barrels of salted cod in March, 187 in April, and one crate of oranges that \
nobody had ordered. She wrote to Copenhagen twice about the oranges. The first letter was lost with \
the brig Havfruen off the Faroes; the second came back in September with a note in the margin, \
\"please keep them, with our compliments\", by which time there was nothing left to keep.

What happened next depends on whom you ask. Her brother, who had studied at Göttingen and believed \
in steam, said that the whole coast would be empty within twenty years unless somebody dug a proper \
quay. The pastor replied that people had said so since 1783, the year of the ash, and that the sea \
had always been a better road than any the Danes would pay for. Between the two of them sat Einar \
the smith, who could neither read nor swim, and who built the quay in the end, stone by stone, \
because he was tired of listening.

for row in ledger.iter().filter(|row| row.month == \"March\") {
    total += row.barrels * PRICE_PER_BARREL - row.freight.unwrap_or(0);
}

\"Is it deep enough?\" asked the captain of the first ship that tied up there. Einar looked at the \
water, then at the ship, a schooner of 96 tons with her anchor still dripping. \"It is now,\" he \
said. They drank coffee on the new stones, black and without sugar, while the tide went out under \
them; at half past four the keel touched bottom, gently, and stayed where it was until the evening.
";
