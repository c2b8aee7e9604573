use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use super::Target;
use super::rotation::Rotation;
use super::writer::{LogFile, Writer};

/// What waits for the writing thread: batches, and bytes in all.
const MAX_QUEUED_WRITES: usize = 1024;
const MAX_QUEUED_BYTES: usize = 16 << 20;

/// How long the end of the last handler waits for what is queued to be written.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// The open streams of a host: handlers that name the same file share one.
#[derive(Debug, Default)]
pub(crate) struct LogStreams(Mutex<HashMap<Place, Weak<LogStream>>>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Place {
    Stdout,
    Stderr,
    File(PathBuf),
}

/// A stream with the thread that writes it. Closed on drop, when what is queued has been written or
/// 2 s have passed.
#[derive(Debug)]
pub(crate) struct LogStream {
    queue: Option<SyncSender<String>>,
    queued_bytes: Arc<AtomicUsize>,
    lost_writes: Arc<AtomicU64>,
    rotation: Arc<Mutex<Option<Rotation>>>,
    /// Only a drop looks at it; the lock makes it `Sync`.
    ended: Mutex<Receiver<()>>,
}

/// Why lines were not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Full,
    Closed,
}

impl LogStreams {
    /// Opens a stream, or joins those who have it open; rotation is then as this one says.
    pub(crate) fn open(&self, target: &Target) -> io::Result<Arc<LogStream>> {
        let (place, rotation) = match target {
            Target::Stdout => (Place::Stdout, None),
            Target::Stderr => (Place::Stderr, None),
            Target::File { path, rotation } => {
                (Place::File(std::path::absolute(path)?), rotation.clone())
            }
        };
        let mut streams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        streams.retain(|_, stream| stream.strong_count() > 0);
        if let Some(stream) = streams.get(&place).and_then(Weak::upgrade) {
            *stream.rotation.lock().unwrap_or_else(PoisonError::into_inner) = rotation;
            return Ok(stream);
        }
        let rotation = Arc::new(Mutex::new(rotation));
        let writer = match &place {
            Place::Stdout => Writer::Stdout,
            Place::Stderr => Writer::Stderr,
            Place::File(path) => Writer::File(LogFile::open(path, &rotation)?),
        };
        let stream = Arc::new(LogStream::spawn(writer, rotation)?);
        streams.insert(place, Arc::downgrade(&stream));
        Ok(stream)
    }
}

impl LogStream {
    fn spawn(mut writer: Writer, rotation: Arc<Mutex<Option<Rotation>>>) -> io::Result<Self> {
        let (queue, lines) = sync_channel::<String>(MAX_QUEUED_WRITES);
        let (end, ended) = sync_channel(1);
        let queued_bytes = Arc::new(AtomicUsize::new(0));
        let lost_writes = Arc::new(AtomicU64::new(0));
        let (written, lost) = (Arc::clone(&queued_bytes), Arc::clone(&lost_writes));
        thread::Builder::new().name("adapter-log".to_owned()).spawn(move || {
            let mut works = true;
            for lines in lines {
                let outcome = writer.write(lines.as_bytes());
                match outcome {
                    Ok(()) if works => {}
                    Ok(()) => {
                        works = true;
                        tracing::info!(stream = %writer, "log lines of an adapter are written again");
                    }
                    Err(error) => {
                        lost.fetch_add(1, Ordering::Relaxed);
                        // Once for each outage: a full disk fails for each batch.
                        if works {
                            tracing::error!(stream = %writer, %error, "log lines of an adapter are lost: the stream cannot be written");
                        }
                        works = false;
                    }
                }
                written.fetch_sub(lines.len(), Ordering::Relaxed);
            }
            // Nobody listens when the close did not wait to the end.
            let _ = end.try_send(());
        })?;
        Ok(Self {
            queue: Some(queue),
            queued_bytes,
            lost_writes,
            rotation,
            ended: Mutex::new(ended),
        })
    }

    /// Queues lines to be written. Never waits.
    pub(crate) fn write(&self, lines: String) -> Result<(), Refusal> {
        let Some(queue) = &self.queue else { return Err(Refusal::Closed) };
        let bytes = lines.len();
        let room = |queued: usize| queued.checked_add(bytes).filter(|sum| *sum <= MAX_QUEUED_BYTES);
        let taken = self.queued_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room);
        if taken.is_err() {
            return Err(Refusal::Full);
        }
        queue.try_send(lines).map_err(|error| {
            self.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
            match error {
                TrySendError::Full(_) => Refusal::Full,
                TrySendError::Disconnected(_) => Refusal::Closed,
            }
        })
    }

    /// Bytes that wait to be written.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.queued_bytes.load(Ordering::Relaxed)
    }

    /// Writes that failed, each with the lines of a batch.
    pub(crate) fn lost_writes(&self) -> u64 {
        self.lost_writes.load(Ordering::Relaxed)
    }
}

impl Drop for LogStream {
    fn drop(&mut self) {
        drop(self.queue.take());
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(CLOSE_LIMIT) {
            let bytes = self.queued_bytes.load(Ordering::Relaxed);
            tracing::error!(
                bytes,
                "log lines of an adapter are lost: the stream is closed and does not take them"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn file(path: PathBuf, max_bytes: Option<u64>) -> Target {
        let rotation = max_bytes.map(|max_bytes| Rotation {
            max_bytes,
            max_age: Duration::from_secs(86_400),
            max_files: 10,
        });
        Target::File { path, rotation }
    }

    #[test]
    fn what_is_queued_is_in_the_file_after_the_close() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        fs::write(&path, "before\n").unwrap();
        let streams = LogStreams::default();
        let (one, other) = (
            streams.open(&file(path.clone(), None)).unwrap(),
            streams.open(&file(path.clone(), None)).unwrap(),
        );
        assert!(Arc::ptr_eq(&one, &other), "handlers with one file share its stream");
        one.write("one\n".to_owned()).unwrap();
        drop(one);
        other.write("two\n".to_owned()).unwrap();
        drop(other);
        assert_eq!(fs::read_to_string(&path).unwrap(), "before\none\ntwo\n");
    }

    #[test]
    fn a_file_is_put_aside_before_it_grows_too_large() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let stream = LogStreams::default().open(&file(path.clone(), Some(10))).unwrap();
        for line in ["first\n", "second\n", "third\n"] {
            stream.write(line.to_owned()).unwrap();
        }
        drop(stream);
        assert_eq!(fs::read_to_string(&path).unwrap(), "third\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn a_write_larger_than_the_queue_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let stream = LogStreams::default().open(&file(folder.path().join("a"), None)).unwrap();
        let huge = "x".repeat(MAX_QUEUED_BYTES + 1);
        assert_eq!(stream.write(huge), Err(Refusal::Full));
        stream.write("fits\n".to_owned()).unwrap();
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error_when_opening() {
        let missing = file(PathBuf::from("/nowhere/at/all.log"), None);
        assert!(LogStreams::default().open(&missing).is_err());
    }

    /// Waits until the writing thread has done with everything so far.
    fn settle(stream: &LogStream) {
        while stream.queued_bytes.load(Ordering::Relaxed) > 0 {
            thread::yield_now();
        }
    }

    #[test]
    fn a_full_disk_loses_lines_by_count_and_writing_goes_on_when_there_is_room_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        // Has no room, ever.
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let stream = LogStreams::default().open(&file(path.clone(), None)).unwrap();
        for line in ["lost\n", "lost too\n"] {
            stream.write(line.to_owned()).unwrap();
        }
        settle(&stream);
        assert_eq!(stream.lost_writes(), 2);
        fs::remove_file(&path).unwrap();
        stream.write("kept\n".to_owned()).unwrap();
        settle(&stream);
        assert_eq!(fs::read_to_string(&path).unwrap(), "kept\n");
        assert_eq!(stream.lost_writes(), 2);
    }

    #[test]
    fn a_file_that_somebody_moves_away_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("a.log"), folder.path().join("a.1"));
        let stream = LogStreams::default().open(&file(path.clone(), None)).unwrap();
        stream.write("old\n".to_owned()).unwrap();
        settle(&stream);
        fs::rename(&path, &moved).unwrap();
        stream.write("new\n".to_owned()).unwrap();
        drop(stream);
        assert_eq!(fs::read_to_string(&moved).unwrap(), "old\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");
    }

    #[test]
    fn a_file_that_cannot_be_put_aside_comes_back_when_it_can() {
        let folder = tempfile::tempdir().unwrap();
        let (logs, gone) = (folder.path().join("logs"), folder.path().join("gone"));
        fs::create_dir(&logs).unwrap();
        let path = logs.join("a.log");
        let stream = LogStreams::default().open(&file(path.clone(), Some(10))).unwrap();
        stream.write("first\n".to_owned()).unwrap();
        settle(&stream);
        fs::rename(&logs, &gone).unwrap();
        stream.write("second\n".to_owned()).unwrap();
        settle(&stream);
        assert_eq!(stream.lost_writes(), 1);
        fs::rename(&gone, &logs).unwrap();
        stream.write("third\n".to_owned()).unwrap();
        drop(stream);
        assert_eq!(fs::read_to_string(&path).unwrap(), "third\n");
        assert_eq!(fs::read_dir(&logs).unwrap().count(), 2);
    }
}
