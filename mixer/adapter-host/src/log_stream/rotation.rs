use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// When a file is put aside for a new one, and how long it stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rotation {
    /// A file that would grow beyond this is put aside.
    pub(crate) max_bytes: u64,
    /// Files put aside longer ago are removed.
    pub(crate) max_age: Duration,
    /// So many files put aside are kept.
    pub(crate) max_files: usize,
}

impl Rotation {
    /// Renames `path` to `<stem>-<time>.<extension>`. The caller then opens `path` anew.
    pub(super) fn put_aside(path: &Path, now: SystemTime) -> io::Result<()> {
        fs::rename(path, free_name(path, now))
    }

    /// Removes the files put aside that are too old or too many.
    pub(super) fn remove_old(&self, path: &Path, now: SystemTime) -> io::Result<()> {
        let mut aside = put_aside_before(path)?;
        // Names sort by time; the newest stay.
        aside.sort_unstable();
        aside.reverse();
        for (index, file) in aside.iter().enumerate() {
            let age = fs::metadata(file)?.modified()?;
            let too_old = now.duration_since(age).is_ok_and(|age| age > self.max_age);
            if index >= self.max_files || too_old {
                fs::remove_file(file)?;
            }
        }
        Ok(())
    }
}

/// A name for the file that no other has: two rotations can fall into one millisecond.
fn free_name(path: &Path, now: SystemTime) -> PathBuf {
    let mut millis = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    loop {
        let (mut name, extension) = name_parts(path);
        name.push(timestamp(millis));
        name.push(extension);
        let aside = path.with_file_name(name);
        if !aside.exists() {
            return aside;
        }
        millis += 1;
    }
}

/// The files that earlier rotations of `path` have left.
fn put_aside_before(path: &Path) -> io::Result<Vec<PathBuf>> {
    let (start, end) = name_parts(path);
    let (start, end) = (start.as_encoded_bytes(), end.as_encoded_bytes());
    let length = start.len() + timestamp(0).len() + end.len();
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        if name.len() == length && name.starts_with(start) && name.ends_with(end) {
            files.push(entry.path());
        }
    }
    Ok(files)
}

/// `access-` and `.log` of `access.log`.
fn name_parts(path: &Path) -> (OsString, OsString) {
    let mut start = path.file_stem().unwrap_or_default().to_owned();
    start.push("-");
    let mut end = OsString::new();
    if let Some(extension) = path.extension() {
        end.push(".");
        end.push(extension);
    }
    (start, end)
}

/// UTC as `2024-05-31T23-59-59.999`, which sorts and is a file name everywhere.
fn timestamp(millis: u128) -> String {
    let seconds = millis / 1000;
    let (days, rest) = (i64::try_from(seconds / 86_400).unwrap_or(i64::MAX), seconds % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    let millis = millis % 1000;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}-{minute:02}-{second:02}.{millis:03}")
}

/// Year, month and day of a day since 1970-01-01 (H. Hinnant, "chrono-compatible low-level date
/// algorithms").
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days.saturating_add(719_468);
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rotate(rotation: &Rotation, path: &Path, now: SystemTime) {
        Rotation::put_aside(path, now).unwrap();
        rotation.remove_old(path, now).unwrap();
    }

    #[test]
    fn names_carry_the_time() {
        assert_eq!(timestamp(0), "1970-01-01T00-00-00.000");
        assert_eq!(timestamp(951_782_400_123), "2000-02-29T00-00-00.123");
        assert_eq!(timestamp(1_717_199_999_999), "2024-05-31T23-59-59.999");
    }

    #[test]
    fn the_newest_files_stay_and_other_files_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        for other in ["access-notes.log", "other.log"] {
            fs::write(folder.path().join(other), "mine").unwrap();
        }
        let rotation =
            Rotation { max_bytes: 1, max_age: Duration::from_secs(86_400), max_files: 2 };
        let start = SystemTime::now();
        for second in 0..4 {
            fs::write(&path, second.to_string()).unwrap();
            rotate(&rotation, &path, start + Duration::from_secs(second));
        }
        let mut aside = put_aside_before(&path).unwrap();
        aside.sort_unstable();
        let kept: Vec<_> = aside.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
        assert_eq!(kept, ["2", "3"]);
        assert!(folder.path().join("access-notes.log").exists());
        assert!(folder.path().join("other.log").exists());
    }

    #[test]
    fn files_put_aside_long_ago_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access");
        let rotation = Rotation { max_bytes: 1, max_age: Duration::from_secs(60), max_files: 10 };
        fs::write(&path, "old").unwrap();
        rotate(&rotation, &path, SystemTime::now());
        fs::write(&path, "new").unwrap();
        fs::File::open(&path)
            .unwrap()
            .set_modified(SystemTime::now() + Duration::from_secs(90))
            .unwrap();
        rotate(&rotation, &path, SystemTime::now() + Duration::from_secs(90));
        let aside = put_aside_before(&path).unwrap();
        assert_eq!(aside.len(), 1);
        assert_eq!(fs::read_to_string(&aside[0]).unwrap(), "new");
    }
}
