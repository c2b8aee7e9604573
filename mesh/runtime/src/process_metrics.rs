use std::fs;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Counter, Gauge};

/// Ticks of /proc in a second: USER_HZ, which is 100 on every architecture that Linux still has.
const TICKS_PER_SECOND: f64 = 100.0;

/// The process itself, with the names that Prometheus' own clients give: CPU time, memory, open files,
/// threads and start time. Read from /proc when it is scraped; what cannot be read there is left out.
#[derive(Debug)]
pub struct ProcessMetrics {
    cpu: Counter,
    gauges: [(Field, Gauge); 6],
    started: Option<f64>,
}

#[derive(Debug, Clone, Copy)]
enum Field {
    Resident,
    Virtual,
    Threads,
    OpenFiles,
    MaxFiles,
    Started,
}

impl Default for ProcessMetrics {
    fn default() -> Self {
        Self::new()
    }
}

impl ProcessMetrics {
    /// Of this process.
    #[expect(clippy::expect_used, reason = "the names are constants, and a test calls this")]
    pub fn new() -> Self {
        let ok = "metric names are valid";
        let gauge = |field, name, help| (field, Gauge::new(name, help).expect(ok));
        Self {
            cpu: Counter::new(
                "process_cpu_seconds_total",
                "Total user and system CPU time spent in seconds.",
            )
            .expect(ok),
            gauges: [
                gauge(
                    Field::Resident,
                    "process_resident_memory_bytes",
                    "Resident memory size in bytes.",
                ),
                gauge(
                    Field::Virtual,
                    "process_virtual_memory_bytes",
                    "Virtual memory size in bytes.",
                ),
                gauge(Field::Threads, "process_threads", "Number of OS threads in the process."),
                gauge(Field::OpenFiles, "process_open_fds", "Number of open file descriptors."),
                gauge(
                    Field::MaxFiles,
                    "process_max_fds",
                    "Maximum number of open file descriptors.",
                ),
                gauge(
                    Field::Started,
                    "process_start_time_seconds",
                    "Start time of the process since unix epoch in seconds.",
                ),
            ],
            started: started(),
        }
    }

    fn read(&self, field: Field) -> Option<f64> {
        let status = |name: &str| {
            let text = fs::read_to_string("/proc/self/status").ok()?;
            let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
            rest.split_whitespace().next()?.parse::<f64>().ok()
        };
        match field {
            Field::Resident => Some(status("VmRSS:")? * 1024.0),
            Field::Virtual => Some(status("VmSize:")? * 1024.0),
            Field::Threads => status("Threads:"),
            Field::OpenFiles => Some(fs::read_dir("/proc/self/fd").ok()?.count() as f64),
            Field::MaxFiles => {
                let limits = fs::read_to_string("/proc/self/limits").ok()?;
                let rest = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
                match rest.split_whitespace().next()? {
                    "unlimited" => Some(f64::INFINITY),
                    soft => soft.parse().ok(),
                }
            }
            Field::Started => self.started,
        }
    }
}

impl Collector for ProcessMetrics {
    fn desc(&self) -> Vec<&Desc> {
        let gauges = self.gauges.iter().flat_map(|(_, gauge)| gauge.desc());
        self.cpu.desc().into_iter().chain(gauges).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut families = Vec::new();
        if let Some(seconds) = cpu_seconds() {
            // A counter has no `set`. Two scrapes at once may both reset it, and then agree.
            self.cpu.reset();
            self.cpu.inc_by(seconds);
            families.extend(self.cpu.collect());
        }
        for (field, gauge) in &self.gauges {
            if let Some(value) = self.read(*field) {
                gauge.set(value);
                families.extend(gauge.collect());
            }
        }
        families
    }
}

/// The fields of /proc/self/stat after the program's name, which may have spaces: from the third on.
fn stat() -> Option<Vec<f64>> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    let fields = text.rsplit_once(") ")?.1;
    Some(fields.split_whitespace().map(|field| field.parse().unwrap_or(0.0)).collect())
}

fn cpu_seconds() -> Option<f64> {
    let stat = stat()?;
    // Fields 14 and 15, user and system.
    Some((stat.get(11)? + stat.get(12)?) / TICKS_PER_SECOND)
}

/// Field 22 counts from the machine's start.
fn started() -> Option<f64> {
    let machine = fs::read_to_string("/proc/stat").ok()?;
    let booted = machine.lines().find_map(|line| line.strip_prefix("btime "))?;
    let booted: f64 = booted.trim().parse().ok()?;
    Some(booted + stat()?.get(19)? / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::*;

    #[test]
    fn the_process_sees_its_own_cpu_memory_files_and_age() {
        let metrics = ProcessMetrics::new();
        let families = metrics.collect();
        assert_eq!(families.len(), metrics.desc().len());
        let value = |name: &str| {
            let family = families.iter().find(|family| family.name() == name).unwrap();
            let metric = &family.get_metric()[0];
            metric.get_gauge().get_value().max(metric.get_counter().get_value())
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        let started = value("process_start_time_seconds");
        assert!(started > now - 3600.0 && started < now + 2.0, "{started} {now}");
        assert!(value("process_resident_memory_bytes") > 1e5);
        assert!(value("process_virtual_memory_bytes") > value("process_resident_memory_bytes"));
        assert!(value("process_threads") >= 1.0);
        assert!(value("process_open_fds") >= 3.0);
        assert!(value("process_max_fds") > value("process_open_fds"));
        assert!(value("process_cpu_seconds_total") >= 0.0);
    }
}
