use std::iter::once;

use adapter_host::CompileWatch;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;

use super::handlers::collect;
use super::name::Name;

/// What came of compiling components, read when it is scraped.
#[derive(Debug)]
pub(crate) struct CompileMetrics {
    compiles: CompileWatch,
    descs: Vec<Desc>,
}

#[expect(clippy::expect_used, reason = "the table's names are valid: a test collects all")]
impl CompileMetrics {
    pub(crate) fn new(compiles: CompileWatch) -> Self {
        let desc = |name: Name| {
            let definition = name.definition();
            let (name, help) = (definition.name.to_owned(), definition.help.to_owned());
            Desc::new(name, help, Vec::new(), Default::default()).expect("valid names")
        };
        let descs = [Name::CompilesGivenUp, Name::CompilesOverdue].map(desc).to_vec();
        Self { compiles, descs }
    }
}

impl Collector for CompileMetrics {
    fn desc(&self) -> Vec<&Desc> {
        self.descs.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let counts = self.compiles.counts();
        let mut families = collect(Name::CompilesGivenUp, once(([], counts.given_up)));
        families.extend(collect(Name::CompilesOverdue, once(([], counts.given_up_under_way))));
        families
    }
}
