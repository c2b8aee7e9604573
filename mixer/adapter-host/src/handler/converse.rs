use super::Handler;
use super::lease::until;
use crate::guest_text::cut;
use crate::outbound::{Said, Step};

impl Handler {
    /// Asks the adapter what is to be done with a connection of a target: it was opened, or the peer has
    /// said something. The call is as any other: in an instance of the pool, with the deadline of a
    /// report, and refused by the breaker; it is made while the handler is being closed, too.
    ///
    /// An error says why the connection is to be closed.
    pub(crate) async fn converse(
        &self,
        target: u32,
        said: Option<Said<'_>>,
    ) -> Result<Step, String> {
        let lease = self.lease_while_closing(self.spec.limits.report_deadline).await;
        let mut lease = lease.map_err(|cause| cause.to_string())?;
        let deadline = lease.deadline;
        let guest = lease.guest();
        let interface = guest.exports.conversation.as_ref().expect("the target was named with it");
        let store = &mut guest.store;
        let outcome = match said {
            None => until(deadline, interface.call_opened(store, target)).await,
            Some(Said { state, data }) => {
                until(deadline, interface.call_received(store, target, state, data)).await
            }
        };
        let answer = lease.finish(outcome).map_err(|cause| cause.to_string())?;
        let step = answer.map_err(|why| format!("the adapter refuses the peer: {}", cut(why)))?;
        Ok(Step { state: step.state, send: step.send, ready: step.ready, settled: step.settled })
    }
}
