use std::sync::Weak;

use crate::Handler;

/// What the component wants done with a connection.
#[derive(Debug, Default)]
pub(crate) struct Step {
    pub(crate) state: Vec<u8>,
    pub(crate) send: Vec<u8>,
    pub(crate) ready: bool,
    pub(crate) settled: Vec<String>,
}

/// What the peer said, and what the component had the host remember.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said<'b> {
    pub(crate) state: &'b [u8],
    pub(crate) data: &'b [u8],
}

/// The component that leads the connections of a target.
#[derive(Debug)]
pub(super) struct Lead {
    /// The handler owns the task that asks it.
    pub(super) handler: Weak<Handler>,
    pub(super) target: u32,
}

/// What the host remembers of a connection for the component.
const MAX_STATE: usize = 64 << 10;

/// What the component may say at once, messages apart.
const MAX_SEND: usize = 1 << 20;

/// There are never more messages under way; tokens nobody waits for cost time.
pub(super) const MAX_SETTLED: usize = 4096;

impl Lead {
    pub(super) async fn opened(&self) -> Result<Step, String> {
        self.ask(None).await
    }

    pub(super) async fn received(&self, state: &[u8], data: &[u8]) -> Result<Step, String> {
        self.ask(Some(Said { state, data })).await
    }

    async fn ask(&self, said: Option<Said<'_>>) -> Result<Step, String> {
        let handler = self.handler.upgrade().ok_or("the handler is gone")?;
        checked(handler.converse(self.target, said).await)
    }
}

fn checked(step: Result<Step, String>) -> Result<Step, String> {
    let step = step?;
    let Step { state, send, settled, .. } = &step;
    if state.len() > MAX_STATE || send.len() > MAX_SEND || settled.len() > MAX_SETTLED {
        return Err(format!(
            "the adapter has the host keep {} bytes, send {} and settle {} tokens; {MAX_STATE}, {MAX_SEND} and {MAX_SETTLED} is the most",
            state.len(),
            send.len(),
            settled.len()
        ));
    }
    Ok(step)
}
