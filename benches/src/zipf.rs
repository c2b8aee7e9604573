/// Numbers drawn as unevenly as the world asks: number n in proportion to 1/n^skew. The same in each run
/// of the bench.
#[derive(Debug, Clone)]
pub(crate) struct Zipf {
    /// The chance that a number is this one or a lower one.
    chances: Vec<f64>,
    random: u64,
}

impl Zipf {
    /// Numbers from 0 to below `numbers`.
    pub(crate) fn new(numbers: u32, skew: f64) -> Self {
        let mut sum = 0.0;
        let weights = (1..=numbers).map(|number| {
            sum += f64::from(number).powf(-skew);
            sum
        });
        let mut chances: Vec<f64> = weights.collect();
        chances.iter_mut().for_each(|chance| *chance /= sum);
        Self { chances, random: 1 }
    }

    /// How many different ones there are.
    pub(crate) fn numbers(&self) -> usize {
        self.chances.len()
    }

    /// The next.
    pub(crate) fn draw(&mut self) -> usize {
        let chance = (self.bits() >> 11) as f64 / (1_u64 << 53) as f64;
        self.chances.partition_point(|below| *below < chance).min(self.chances.len() - 1)
    }

    /// Bits that look random, from the same source.
    pub(crate) fn bits(&mut self) -> u64 {
        // xorshift
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_number_comes_as_often_as_its_share() {
        let mut zipf = Zipf::new(4, 1.0);
        let firsts = (0..100_000).filter(|_| zipf.draw() == 0).count();
        // 1 of 1 + 1/2 + 1/3 + 1/4.
        assert!((46_000..50_000).contains(&firsts), "{firsts}");
    }

    #[test]
    fn more_skew_asks_for_fewer_different_ones() {
        let different = |skew| {
            let mut zipf = Zipf::new(1000, skew);
            (0..1000).map(|_| zipf.draw()).collect::<std::collections::HashSet<_>>().len()
        };
        assert!(different(1.2) < different(0.7));
    }
}
