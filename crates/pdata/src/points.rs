//! The points of one metric: made, or in the bytes that they came in until somebody asks for them.

use std::fmt::Debug;
use std::ops::{Deref, Range};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::wire::Reader;
use crate::{Point, Sample, UnixNanos};

/// A list of points that is read when it is looked at, if it came over the wire; what only passes through never is.
///
/// It is a slice to whoever reads; who changes it does so by [`change`](Self::change).
#[derive(Debug, Clone)]
pub struct Points<P = Point>(Form<P>);

#[derive(Debug, Clone)]
enum Form<P> {
    Made(Vec<P>),
    Came(Came<P>),
}

/// Points as they came: messages one after the other, within a request that metrics share.
#[derive(Debug, Clone)]
struct Came<P> {
    request: Bytes,
    at: u32,
    length: u32,
    count: u32,
    latest: UnixNanos,
    reader: Arc<dyn ReadPoints<P>>,
    read: OnceLock<Vec<P>>,
}

/// Makes points of the bytes that they came in.
pub trait ReadPoints<P>: Debug + Send + Sync {
    /// The points in `bytes`, which have been checked: there are as many as was said.
    fn read(&self, bytes: &[u8]) -> Vec<P>;
}

impl<P> Came<P> {
    fn bytes(&self) -> &[u8] {
        let at = self.at as usize;
        self.request.get(at..at + self.length as usize).unwrap_or_default()
    }
}

impl<P> Points<P> {
    /// The `count` points in `length` bytes of `request` from `at` on, which are fields one after the other, and good:
    /// `reader` reads them if need be, others may get them as they are. None is of a later time than `latest`.
    #[must_use]
    pub fn came(
        request: Bytes,
        [at, length, count]: [u32; 3],
        latest: UnixNanos,
        reader: Arc<dyn ReadPoints<P>>,
    ) -> Self {
        Self(Form::Came(Came { request, at, length, count, latest, reader, read: OnceLock::new() }))
    }

    /// How many there are; reads none.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Made(points) => points.len(),
            Form::Came(came) => came.count as usize,
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes that they came in, where they are in them still.
    #[must_use]
    pub fn encoded(&self) -> Option<&[u8]> {
        if let Form::Came(came) = &self.0 { Some(came.bytes()) } else { None }
    }

    /// The request that they keep in memory, if they are in one, and whether they have been read beside it.
    pub(crate) fn kept(&self) -> Option<(&Bytes, bool)> {
        if let Form::Came(came) = &self.0 { Some((&came.request, came.read.get().is_some())) } else { None }
    }

    /// The points themselves.
    #[must_use]
    pub fn into_vec(self) -> Vec<P> {
        match self.0 {
            Form::Made(points) => points,
            Form::Came(Came { read, request, at, length, reader, .. }) => {
                let bytes = request.get(at as usize..at as usize + length as usize).unwrap_or_default();
                read.into_inner().unwrap_or_else(|| reader.read(bytes))
            }
        }
    }

    /// Changes the list, which is no longer as it came then.
    pub fn change<T>(&mut self, change: impl FnOnce(&mut Vec<P>) -> T) -> T {
        let mut points = std::mem::take(self).into_vec();
        let done = change(&mut points);
        self.0 = Form::Made(points);
        done
    }

    /// Adds one behind the others.
    pub fn push(&mut self, point: P) {
        match &mut self.0 {
            Form::Made(points) => points.push(point),
            Form::Came(_) => self.change(|points| points.push(point)),
        }
    }
}

impl<P: Sample> Points<P> {
    /// A time that none of them is after; the last of theirs, or of more that came with them.
    #[must_use]
    pub fn latest(&self) -> UnixNanos {
        match &self.0 {
            Form::Made(points) => points.iter().map(Sample::time).max().unwrap_or_default(),
            Form::Came(came) => came.latest,
        }
    }
}

impl<P: Clone> Points<P> {
    /// Those with the numbers of `range`; what came stays as it came.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        match &self.0 {
            Form::Made(points) => points.get(range).unwrap_or_default().to_vec().into(),
            Form::Came(came) => Self(Form::Came(came.slice(range))),
        }
    }
}

impl<P> Came<P> {
    fn slice(&self, Range { start, end }: Range<usize>) -> Self {
        let bytes = self.bytes();
        let mut reader = Reader::new(bytes);
        let mut skip = |fields: usize| {
            let found = (0..fields).take_while(|_| matches!(reader.field(), Ok(Some(_)))).count();
            (found, bytes.len() - reader.rest().len())
        };
        let (_, from) = skip(start);
        let (count, to) = skip(end.saturating_sub(start));
        // No larger than what it is a part of.
        let [from, length, count] = [from, to - from, count].map(|number| u32::try_from(number).unwrap_or(0));
        let (request, reader) = (self.request.clone(), self.reader.clone());
        Self { request, at: self.at + from, length, count, latest: self.latest, reader, read: OnceLock::new() }
    }
}

impl<P> Default for Points<P> {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl<P> From<Vec<P>> for Points<P> {
    fn from(points: Vec<P>) -> Self {
        Self(Form::Made(points))
    }
}

impl<P> FromIterator<P> for Points<P> {
    fn from_iter<I: IntoIterator<Item = P>>(points: I) -> Self {
        Vec::from_iter(points).into()
    }
}

impl<P> Deref for Points<P> {
    type Target = [P];

    fn deref(&self) -> &[P] {
        match &self.0 {
            Form::Made(points) => points,
            Form::Came(came) => came.read.get_or_init(|| came.reader.read(came.bytes())),
        }
    }
}

impl<'a, P> IntoIterator for &'a Points<P> {
    type Item = &'a P;
    type IntoIter = std::slice::Iter<'a, P>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<P> IntoIterator for Points<P> {
    type Item = P;
    type IntoIter = std::vec::IntoIter<P>;

    fn into_iter(self) -> Self::IntoIter {
        self.into_vec().into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a number of the one byte that each point has, and counts how often it was asked.
    #[derive(Debug, Default)]
    struct Numbers(std::sync::atomic::AtomicUsize);

    impl ReadPoints<u8> for Numbers {
        fn read(&self, bytes: &[u8]) -> Vec<u8> {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            bytes.chunks(3).map(|field| field[2]).collect()
        }
    }

    fn came() -> (Points<u8>, Arc<Numbers>) {
        let request = Bytes::from_static(&[9, 9, 0x0a, 1, 1, 0x0a, 1, 2, 0x0a, 1, 3, 0x0a, 1, 4, 9]);
        let reader = Arc::new(Numbers::default());
        (Points::came(request, [2, 12, 4], 0, reader.clone()), reader)
    }

    fn reads(reader: &Numbers) -> usize {
        reader.0.load(std::sync::atomic::Ordering::Relaxed)
    }

    #[test]
    fn what_only_passes_is_not_read() {
        let (points, reader) = came();
        let part = points.slice(1..3);
        assert_eq!((points.len(), part.len(), part.encoded()), (4, 2, Some(&[0x0a, 1, 2, 0x0a, 1, 3][..])));
        assert_eq!((points.slice(3..9).len(), points.slice(4..5).len()), (1, 0));
        assert_eq!(reads(&reader), 0);
        assert_eq!((&*points, &*part, &*part.slice(1..2)), (&[1, 2, 3, 4][..], &[2, 3][..], &[3][..]));
        assert_eq!((points.iter().count(), points.clone().into_vec(), reads(&reader)), (4, vec![1, 2, 3, 4], 3));
    }

    #[test]
    fn what_is_changed_has_no_bytes_any_more() {
        let (mut points, _) = came();
        points.push(5);
        assert_eq!((&*points, points.encoded()), (&[1, 2, 3, 4, 5][..], None));
        points.change(|points| points.retain(|point| point % 2 == 1));
        assert_eq!((points.len(), &*points.slice(1..2)), (3, &[3][..]));
    }
}
