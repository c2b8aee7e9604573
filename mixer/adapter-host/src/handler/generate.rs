use mesh_attributes::OwnedValue;

use super::Handler;
use super::lease::until;
use super::taken::{TooLarge, exact, exact_map};
use super::values::Named;
use crate::bindings::exports::mixmesh::adapter::kubernetes;
use crate::{CallError, InstanceIndex, Template, Variety};

impl Handler {
    /// Has the adapter generate attributes: what it knows of [`crate::Template::outputs`], by name.
    /// `values` are those of the instance's declared fields, in their order.
    ///
    /// # Errors
    /// When it cannot, for whatever reason. That something is not known is no error.
    pub async fn generate(
        &self,
        instance: InstanceIndex,
        values: Vec<OwnedValue>,
    ) -> Result<Vec<(String, OwnedValue)>, CallError> {
        let declared = self.instance_of(instance, Variety::AttributeGenerator)?;
        if let Template::Custom(custom) = declared.template {
            return self.generate_custom(custom, instance, &values).await;
        }
        let named = Named { names: &declared.fields, values: &values };
        let source = kubernetes::Endpoint {
            uid: named.text("source_uid"),
            ip: named.bytes("source_ip"),
            port: 0,
        };
        let destination = kubernetes::Endpoint {
            uid: named.text("destination_uid"),
            ip: named.bytes("destination_ip"),
            port: named.int64("destination_port"),
        };
        let mut lease = self.lease(self.spec.limits.check_deadline).await?;
        let deadline = lease.deadline;
        let guest = lease.guest();
        let interface = guest.exports.kubernetes.as_ref().expect("instances match the exports");
        let call = interface.call_generate(&mut guest.store, instance.0, source, destination);
        let outcome = until(deadline, call).await;
        let known = lease.finish(outcome)?.map_err(|error| self.refusal(error))?;
        let mut output = Vec::new();
        collect(known, &mut output).map_err(|why| self.refusal(why.into()))?;
        Ok(output)
    }
}

fn collect(
    known: kubernetes::Workloads,
    output: &mut Vec<(String, OwnedValue)>,
) -> Result<(), TooLarge> {
    if let Some(workload) = known.source {
        add("source", workload, output)?;
    }
    if let Some(mut workload) = known.destination {
        let container = std::mem::take(&mut workload.container_name);
        add("destination", workload, output)?;
        if !container.is_empty() {
            let container = OwnedValue::String(exact(container)?);
            output.push(("destination_container_name".to_owned(), container));
        }
    }
    Ok(())
}

/// What is known of a workload, under the names of one end.
fn add(
    end: &str,
    workload: kubernetes::Workload,
    output: &mut Vec<(String, OwnedValue)>,
) -> Result<(), TooLarge> {
    let texts = [
        ("pod_uid", workload.pod_uid),
        ("pod_name", workload.pod_name),
        ("namespace", workload.namespace),
        ("service_account_name", workload.service_account_name),
        ("workload_uid", workload.workload_uid),
        ("workload_name", workload.workload_name),
        ("workload_namespace", workload.workload_namespace),
        ("owner", workload.owner),
    ];
    for (name, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
        output.push((format!("{end}_{name}"), OwnedValue::String(exact(text)?)));
    }
    for (name, ip) in [("pod_ip", workload.pod_ip), ("host_ip", workload.host_ip)] {
        if matches!(ip.len(), 4 | 16) {
            output.push((format!("{end}_{name}"), OwnedValue::Bytes(ip)));
        }
    }
    if !workload.labels.is_empty() {
        let labels = exact_map(workload.labels)?.into_iter().collect();
        output.push((format!("{end}_labels"), OwnedValue::StringMap(labels)));
    }
    Ok(())
}
