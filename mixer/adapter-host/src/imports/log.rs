use crate::bindings::mixmesh::host::log::{self, Level, WriteError};
use crate::guest::GuestState;
use crate::log_stream::Refusal;

impl log::Host for GuestState {
    fn log(&mut self, level: Level, message: String) {
        self.surroundings.say(level, &message);
    }

    fn write(&mut self, lines: String) -> Result<(), WriteError> {
        self.surroundings.write(lines).map_err(|refusal| match refusal {
            Refusal::Full => WriteError::Full,
            Refusal::Closed => WriteError::Closed,
        })
    }
}
