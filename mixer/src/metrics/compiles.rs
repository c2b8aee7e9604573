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

#[cfg(test)]
mod tests {
    use adapter_host::{AdapterHost, HostOptions};
    use prometheus::Registry;

    use super::*;

    #[test]
    fn both_counts_are_there_from_the_start() {
        let host = AdapterHost::new(HostOptions::default()).unwrap();
        let registry = Registry::new();
        registry.register(Box::new(CompileMetrics::new(host.compiles()))).unwrap();
        let families = registry.gather();
        let names: Vec<_> = families.iter().map(MetricFamily::name).collect();
        let expected = ["mixer_adapter_compiles_given_up_total", "mixer_adapter_compiles_overdue"];
        assert_eq!(names, expected);
    }
}
