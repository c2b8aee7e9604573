use std::collections::BTreeMap;

use super::fields::{Fields, Report};
use crate::catalog::{is_other_kind, refuse_kind};
use crate::yaml::shorten;
use crate::{Kind, Namespace, ResourceKey, ResourceName, Text};

/// The only version of the API that is read.
const API_VERSION: &str = "config.istio.io/v1alpha2";
const API_GROUP: &str = "config.istio.io/";

/// Which resource a document is.
pub(super) enum Identity {
    /// One of ours.
    Known { key: ResourceKey, annotations: BTreeMap<String, String> },
    /// Something that is not read here: its kind is not one of ours with a typing mistake.
    Foreign,
    /// Something about it is missing or wrong, so it may be any resource.
    Unknown,
}

impl Identity {
    pub(super) fn read(fields: &mut Fields<'_>, line: u32, report: &mut Report) -> Self {
        let api_version = fields.text("apiVersion", report);
        let kind_text = required(fields, "kind", line, report);
        let kind = kind_text.as_ref().and_then(|text| Kind::from_name(&text.value));
        let our_group = api_version.as_ref().is_none_or(|text| text.value.starts_with(API_GROUP));
        if !our_group && kind.is_none() && kind_text.is_some() {
            let api = api_version.map(|text| shorten(&text.value)).unwrap_or_default();
            report.problem(line, format!("resources of `{api}` are not read from this folder"));
            return Self::Foreign;
        }
        match &api_version {
            None => {
                report.problem(line, format!("`apiVersion` is missing, expected `{API_VERSION}`"));
            }
            Some(text) if text.value != API_VERSION => {
                let value = shorten(&text.value);
                let message = format!("unknown `apiVersion` `{value}`, expected `{API_VERSION}`");
                report.problem(text.line, message);
            }
            Some(_) => {}
        }
        if let (Some(text), None) = (&kind_text, kind) {
            report.problem(text.line, refuse_kind(&text.value));
            if is_other_kind(&text.value) {
                return Self::Foreign;
            }
        }
        let before = report.problems.len();
        let Some(mut metadata) = fields.fields("metadata", report) else {
            if report.problems.len() == before {
                report.problem(line, "`metadata` is missing, it gives `name` and `namespace`");
            }
            return Self::Unknown;
        };
        let line = metadata.line();
        let name = required(&mut metadata, "name", line, report);
        let namespace = required(&mut metadata, "namespace", line, report);
        let annotations = metadata.text_map("annotations", report);
        // The rest of Kubernetes' metadata, which says nothing here.
        for known in [
            "labels",
            "uid",
            "resourceVersion",
            "generation",
            "creationTimestamp",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "generateName",
            "selfLink",
            "ownerReferences",
            "finalizers",
            "managedFields",
            "clusterName",
        ] {
            metadata.skip(known);
        }
        metadata.finish(report);
        let namespace = namespace.and_then(|text| match Namespace::new(&text.value) {
            Ok(namespace) => Some(namespace),
            Err(error) => refuse("namespace", &text, &error, report),
        });
        // An unknown kind has its problem already; `rule` is the kind with the widest names.
        let name = name.and_then(|text| {
            match ResourceName::new(&text.value, kind.unwrap_or(Kind::Rule)) {
                Ok(name) => Some(name),
                Err(error) => refuse("name", &text, &error, report),
            }
        });
        match (kind, namespace, name) {
            (Some(kind), Some(namespace), Some(name)) => Self::Known {
                key: ResourceKey { kind, namespace, name },
                annotations: annotations
                    .into_iter()
                    .map(|(name, text)| (name, text.value))
                    .collect(),
            },
            _ => Self::Unknown,
        }
    }
}

fn required(
    fields: &mut Fields<'_>,
    name: &'static str,
    line: u32,
    report: &mut Report,
) -> Option<Text> {
    let before = report.problems.len();
    let text = fields.text(name, report);
    if text.is_none() && report.problems.len() == before {
        report.problem(line, format!("`{}` is missing", fields.path_of(name)));
    }
    text
}

fn refuse<T>(what: &str, text: &Text, error: &crate::NameError, report: &mut Report) -> Option<T> {
    let value = shorten(&text.value);
    report.problem(text.line, format!("`metadata.{what}` `{value}` {error}"));
    None
}
