use super::duration::parse_duration;
use super::fields::{Fields, Report};
use crate::{RandomSampling, RateLimitSampling, Sampling};

const DENOMINATORS: [(&str, u32); 2] = [("HUNDRED", 100), ("TEN_THOUSAND", 10_000)];

pub(super) fn read(spec: &mut Fields<'_>, report: &mut Report) -> Option<Sampling> {
    let mut sampling = spec.fields("sampling", report)?;
    let random = sampling.fields("random", report).map(|mut fields| {
        let random = random(&mut fields, report);
        fields.finish(report);
        random
    });
    let rate_limit = sampling.fields("rateLimit", report).and_then(|mut fields| {
        let rate_limit = rate_limit(&mut fields, report);
        fields.finish(report);
        rate_limit
    });
    sampling.finish(report);
    Some(Sampling { random, rate_limit })
}

fn random(fields: &mut Fields<'_>, report: &mut Report) -> RandomSampling {
    let attribute_expression = fields.expression("attributeExpression", report);
    let independent = fields.boolean("useIndependentRandomness", report).unwrap_or(false);
    let (mut numerator, mut denominator) = (0, 100);
    if let Some(mut percent) = fields.fields("percentSampled", report) {
        let names = DENOMINATORS.map(|(name, _)| name);
        if let Some(index) = percent.choice("denominator", &names, report) {
            denominator = DENOMINATORS[index].1;
        }
        numerator = percent.count("numerator", denominator.into(), report).unwrap_or(0) as u32;
        percent.finish(report);
    }
    RandomSampling { attribute_expression, numerator, denominator, independent }
}

fn rate_limit(fields: &mut Fields<'_>, report: &mut Report) -> Option<RateLimitSampling> {
    let before = report.problems.len();
    let period = fields.text("samplingDuration", report);
    if period.is_none() && report.problems.len() == before {
        fields.missing("samplingDuration", report);
    }
    let most = u64::from(u32::MAX);
    let max_unsampled_entries = fields.count("maxUnsampledEntries", most, report).unwrap_or(0);
    let sampling_rate = fields.count("samplingRate", most, report).unwrap_or(1);
    if sampling_rate == 0 {
        let path = fields.path_of("samplingRate");
        report.problem(fields.line(), format!("`{path}` must be at least 1, which takes all"));
    }
    let period = period?;
    match parse_duration(&period.value) {
        Some(period_nanos) if period_nanos > 0 => {
            Some(RateLimitSampling { period_nanos, max_unsampled_entries, sampling_rate })
        }
        _ => {
            let path = fields.path_of("samplingDuration");
            let message = format!("`{path}` must be a time such as `10s` or `1.5s`, more than 0");
            report.problem(period.line, message);
            None
        }
    }
}
