//! The end of what a process has written to its standard output and its standard error: what a person
//! is shown when it did not come up.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::io::{AsyncRead, AsyncReadExt};

use super::ear::Lines;

/// So many lines are kept, and so much of each.
const LINES: usize = 20;
const LINE_BYTES: usize = 400;

/// The last lines of one process.
#[derive(Clone, Debug, Default)]
pub(in crate::backend) struct Tail(Arc<Mutex<VecDeque<String>>>);

impl Tail {
    /// Reads to the end, and keeps the last lines. All of them are told to `lines`, if somebody wants
    /// them.
    pub(in crate::backend) async fn follow(
        self,
        mut from: impl AsyncRead + Unpin,
        mut lines: Option<Lines>,
    ) {
        let mut line = Vec::new();
        let mut read = vec![0; 4096];
        while let Ok(count @ 1..) = from.read(&mut read).await {
            for byte in &read[..count] {
                if *byte == b'\n' {
                    self.keep(&line, lines.as_mut());
                    line.clear();
                } else if line.len() < LINE_BYTES {
                    line.push(*byte);
                }
            }
        }
        if !line.is_empty() {
            self.keep(&line, lines.as_mut());
        }
    }

    fn keep(&self, line: &[u8], told: Option<&mut Lines>) {
        let line = String::from_utf8_lossy(line).into_owned();
        if let Some(told) = told {
            told.take(&line);
        }
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// The lines in one text; empty if nothing was written.
    pub(in crate::backend) fn text(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::{LINE_BYTES, LINES, Tail};

    #[test]
    fn the_last_lines_are_kept_and_no_line_is_endless() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let tail = Tail::default();
        let mut text: String = (0..100).map(|line| format!("line {line}\n")).collect();
        text.push_str(&"x".repeat(LINE_BYTES * 3));
        runtime.block_on(tail.clone().follow(text.as_bytes(), None));
        let text = tail.text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), LINES);
        assert_eq!(lines[0], format!("line {}", 100 - LINES + 1));
        assert_eq!(lines[LINES - 1].len(), LINE_BYTES);
    }
}
