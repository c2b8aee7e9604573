use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

/// Nanoseconds an element may cost in a batch of 100, or a check alone.
const METRIC: f64 = 600.0;
const LOG_ENTRY: f64 = 2_000.0;
const CHECK: f64 = 3_000.0;

/// What one measurement of a call has found.
#[derive(Debug, Clone)]
pub(super) struct Figure {
    /// The kind of call and the instance.
    pub(super) call: String,
    pub(super) batch: u64,
    pub(super) nanos: f64,
    /// The natives do not say.
    template: Option<String>,
}

/// A call of an adapter's component, measured in several turns, and the same one of its native code.
pub(super) struct Row {
    adapter: String,
    call: String,
    batch: u64,
    template: String,
    component: Spread,
    native: Spread,
}

/// Nanoseconds of an element over several turns.
#[derive(Debug, Clone, Copy)]
struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

impl Figure {
    /// Reads a line of `meshctl adapter bench` or of a native adapter.
    ///
    /// # Errors
    /// When it is no figure.
    pub(super) fn read(line: &str) -> Result<Self> {
        let figure: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
        Ok(Self {
            call: figure["call"].as_str().context("a figure says which call it is of")?.to_owned(),
            batch: figure["batch"].as_u64().context("a figure says the batch")?,
            nanos: figure["ns_per_element"].as_f64().context("a figure has a time")?,
            template: figure["template"].as_str().map(ToOwned::to_owned),
        })
    }
}

impl Row {
    /// The rows of an adapter out of the turns of its component and of its native code.
    ///
    /// # Errors
    /// When a call was measured on one side only.
    pub(super) fn of(
        adapter: &str,
        component: &[Vec<Figure>],
        native: &[Vec<Figure>],
    ) -> Result<Vec<Self>> {
        let calls = component.first().context("there was a turn")?;
        let natives = native.first().context("there was a turn")?;
        ensure!(
            calls.len() == natives.len(),
            "adapters/{adapter}: bench.yaml has {} figures and src/bench.rs {}",
            calls.len(),
            natives.len()
        );
        let row = |figure: &Figure| {
            let Figure { call, batch, template, .. } = figure.clone();
            let native = Spread::of(native, &call, batch).with_context(|| {
                format!("adapters/{adapter}/src/bench.rs does not measure {call}, batch of {batch}")
            })?;
            let component = Spread::of(component, &call, batch).context("a figure in each turn")?;
            let template = template.context("a figure says the template")?;
            Ok(Self { adapter: adapter.to_owned(), call, batch, template, component, native })
        };
        calls.iter().map(row).collect()
    }

    /// The names of what [`Self::print`] prints.
    pub(super) fn print_head() {
        println!(
            "{:<13} {:<34} {:>5} {:>9} {:>17} {:>9} {:>6} {:>8}",
            "adapter", "call", "batch", "ns each", "least … most", "native", "ratio", "aim"
        );
    }

    /// Prints a line; without a judgement when the times mean nothing.
    pub(super) fn print(&self, is_believable: bool) {
        let Self { adapter, call, batch, component, native, .. } = self;
        let call = call.trim_end_matches(".instance.default");
        let spread = format!("{:.0} … {:.0}", component.least, component.most);
        let aim = match self.aim() {
            None => String::new(),
            Some(aim) if !is_believable => format!("{aim:.0}"),
            Some(aim) if component.median <= aim => format!("{aim:.0} ✓"),
            Some(aim) => format!("{aim:.0} ✗"),
        };
        let (each, natively, ratio) = (component.median, native.median, self.ratio());
        println!(
            "{adapter:<13} {call:<34} {batch:>5} {each:>9.0} {spread:>17} {natively:>9.0} \
             {ratio:>6.1} {aim:>8}"
        );
    }

    pub(super) fn json(&self) -> Value {
        let Self { adapter, call, batch, template, component, native } = self;
        json!({
            "adapter": adapter,
            "call": call,
            "template": template,
            "batch": batch,
            "ns_per_element": component.median,
            "least": component.least,
            "most": component.most,
            "native_ns_per_element": native.median,
            "ratio": self.ratio(),
            "aim": self.aim(),
        })
    }

    fn ratio(&self) -> f64 {
        self.component.median / self.native.median
    }

    fn aim(&self) -> Option<f64> {
        match (self.template.as_str(), self.batch) {
            ("metric", 100) => Some(METRIC),
            ("logentry" | "tracespan", 100) => Some(LOG_ENTRY),
            ("checknothing" | "listentry" | "apikey" | "authorization" | "keyval", 1) => {
                Some(CHECK)
            }
            _ => None,
        }
    }
}

impl Spread {
    /// `None` when a turn lacks the call.
    fn of(turns: &[Vec<Figure>], call: &str, batch: u64) -> Option<Self> {
        let of_turn = |turn: &Vec<Figure>| {
            let figure = turn.iter().find(|figure| figure.call == call && figure.batch == batch);
            figure.map(|figure| figure.nanos)
        };
        let mut nanos: Vec<f64> = turns.iter().map(of_turn).collect::<Option<_>>()?;
        nanos.sort_by(f64::total_cmp);
        let (least, most) = (*nanos.first()?, *nanos.last()?);
        Some(Self { median: nanos[nanos.len() / 2], least, most })
    }
}
