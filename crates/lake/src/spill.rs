//! Files for what questions spill: without a name, so that nothing is left of a process that was killed.
//!
//! The engine's own are in a folder of the system's temporary one, which somebody has to clean up after a crash, and what one
//! large question spilled can be most of a disk.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SpillFile, SpillWriter, TempFileFactory};
use futures::Stream;

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 1 << 20;

/// Makes them, where the system keeps temporary files (`TMPDIR`).
#[derive(Debug)]
pub(crate) struct Nameless;

impl TempFileFactory for Nameless {
    fn create_temp_file(&self, _: &str) -> Result<Arc<dyn SpillFile>> {
        Ok(Arc::new(Spilled(Arc::new(tempfile::tempfile()?))))
    }
}

/// One file; it is gone with its last handle.
struct Spilled(Arc<File>);

impl SpillFile for Spilled {
    fn size(&self) -> Option<u64> {
        self.0.metadata().ok().map(|known| known.len())
    }

    fn read_stream(&self) -> Result<Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>> {
        let file = Arc::clone(&self.0);
        Ok(Box::pin(futures::stream::try_unfold((file, 0), |(file, at)| async move {
            let from = Arc::clone(&file);
            let reading = tokio::task::spawn_blocking(move || read_at(&from, at));
            let chunk = reading.await.map_err(|error| DataFusionError::External(Box::new(error)))??;
            let next = at + chunk.len() as u64;
            Ok((!chunk.is_empty()).then_some((chunk, (file, next))))
        })))
    }

    fn open_writer(&self) -> Result<Box<dyn SpillWriter>> {
        Ok(Box::new(Writing(BufWriter::with_capacity(CHUNK_BYTES, self.0.try_clone()?))))
    }
}

fn read_at(file: &File, at: u64) -> Result<Bytes> {
    let mut chunk = vec![0; CHUNK_BYTES];
    let n_bytes = file.read_at(&mut chunk, at)?;
    chunk.truncate(n_bytes);
    Ok(chunk.into())
}

struct Writing(BufWriter<File>);

impl Write for Writing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

impl SpillWriter for Writing {
    fn finish(&mut self) -> Result<()> {
        Ok(self.0.flush()?)
    }
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt as _;

    use super::*;

    #[tokio::test]
    async fn what_is_written_is_read_again_from_the_start_by_each_reader() {
        let file = Nameless.create_temp_file("a test").unwrap();
        let mut writer = file.open_writer().unwrap();
        let written: Vec<u8> = (0..3 * CHUNK_BYTES + 17).map(|number| number as u8).collect();
        writer.write_all(&written[..5]).unwrap();
        writer.write_all(&written[5..]).unwrap();
        writer.finish().unwrap();
        assert_eq!((file.size(), file.path()), (Some(written.len() as u64), None));
        let whole = async || file.read_stream().unwrap().try_collect::<Vec<Bytes>>().await.unwrap().concat();
        let (first, second) = futures::join!(whole(), whole());
        assert!(first == written && second == written);
    }
}
