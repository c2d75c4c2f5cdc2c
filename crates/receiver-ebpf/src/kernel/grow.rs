//! Pages while the programs run: taking over those that are pinned, adding more.

use std::mem::offset_of;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use aya::maps::MapData;

use super::abi::{COUNTER_BYTES, Control, DIRECTORY_BYTES, SOCKET_BYTES};
use super::load::{Kernel, fault};
use super::mapped::page_size;
use super::mirror::Mirror;
use super::pages::{self, Page, create};
use super::requirements::LoadError;

impl Kernel {
    /// Adds a page with `stripes` copies of its counters; its slots are not in the ring yet.
    ///
    /// # Errors
    /// Where the kernel refuses a map, as without CAP_BPF or memory.
    pub(crate) fn add_page(&mut self, stripes: u32) -> Result<(), LoadError> {
        // Not by the mirror: while it is brought up to date it is not there.
        if !self.tier.btf {
            let page = Page::anonymous().map_err(|error| fault("tfo_counters", format!("page: {error}")))?;
            self.pages.push(page);
            return Ok(());
        }
        let number = u32::try_from(self.pages.len()).unwrap_or(u32::MAX);
        if let Some(pins) = &self.pins {
            // What an attempt has left that came to nothing: no slot of it was handed out.
            pins.page(number).take(1 + stripes as usize).for_each(|path| drop(std::fs::remove_file(path)));
        }
        if let Some(helper) = &self.helper {
            let made = helper.page(number, stripes, self.stripes).and_then(|maps| Page::received(&maps));
            self.pages.push(made.map_err(|error| fault("tfo_counters", format!("page: {error}")))?);
            return Ok(());
        }
        let (page, maps) = Page::make(stripes).map_err(|error| fault("tfo_counters", format!("page: {error}")))?;
        if let Some(pins) = &self.pins {
            for (map, path) in maps.iter().zip(pins.page(number)) {
                map.pin(&path).map_err(|error| LoadError::of("pin", &path.display().to_string(), &error))?;
            }
        }
        self.install(number, &maps)?;
        self.pages.push(page);
        Ok(())
    }

    /// Whether a map that could not be added is to be told of: once a minute, since it is tried ten times a second.
    pub(crate) fn may_complain(&mut self) -> bool {
        let due = self.complained.is_none_or(|last| last.elapsed() >= Duration::from_secs(60));
        self.complained = if due { Some(Instant::now()) } else { self.complained };
        due
    }

    /// Maps the pages that an earlier agent left.
    pub(super) fn map_pinned_pages(&mut self) -> Result<(), LoadError> {
        let Some(pins) = &self.pins else { return Ok(()) };
        let pinned: Vec<Vec<MapData>> = (0..)
            .map(|number| pins.page(number).map_while(|path| MapData::from_pin(path).ok()).collect::<Vec<_>>())
            // One copy of the counters at least: a page that was being made is made anew.
            .take_while(|maps| maps.len() >= 2)
            .collect();
        for (number, maps) in (0..).zip(pinned) {
            self.install(number, &maps)?;
            self.pages.push(Page::map(&maps).map_err(|error| fault("tfo_counters", error.to_string()))?);
        }
        Ok(())
    }

    /// Pages of the table of sockets, which stay with the map that they are in.
    pub(crate) fn socket_pages(&self) -> u64 {
        self.control.at(0, offset_of!(Control, socket_pages)).load(Ordering::Acquire)
    }

    /// Adds a page to the table of sockets.
    ///
    /// # Errors
    /// Where the kernel refuses the map, as without CAP_BPF or memory.
    pub(crate) fn add_socket_page(&mut self) -> Result<(), LoadError> {
        let pages = self.socket_pages();
        let number = u32::try_from(pages).unwrap_or(u32::MAX);
        let failed = |error: std::io::Error| fault("tfo_sockets", format!("page: {error}"));
        if let Some(helper) = &self.helper {
            helper.socket_page(number).map_err(failed)?;
        } else if let Some(outer) = &mut self.outer {
            let page = create(b"tfo_sockets", SOCKET_BYTES).map_err(failed)?;
            let set = outer.sockets.set(number, &page, 0);
            set.map_err(|error| LoadError::of("page of", "tfo_sockets", &error))?;
        } else {
            return Ok(());
        }
        self.control.at(0, offset_of!(Control, socket_pages)).store(pages + 1, Ordering::Release);
        Ok(())
    }

    fn install(&mut self, number: u32, maps: &[MapData]) -> Result<(), LoadError> {
        let Some(outer) = &mut self.outer else { return Ok(()) };
        pages::install(outer, number, self.stripes, maps)
            .map_err(|error| LoadError::of("page of", "tfo_counters", &error))
    }

    /// Memory of the maps, and of what stands for maps that cannot be mapped, in bytes.
    pub(crate) fn map_bytes(&self) -> u64 {
        let pages: usize = self.pages.iter().map(|page| page_bytes(page.counters.len())).sum();
        let fixed = self.control.bytes() + self.free.bytes() + self.cpus.bytes() + overflow_bytes(self.overflow.len());
        let mirror = self.mirror.as_ref().map_or(0, Mirror::bytes);
        (pages + fixed) as u64 + self.socket_pages() * socket_page_bytes() + mirror
    }
}

/// Bytes of a page with `stripes` copies of its counters.
pub(crate) fn page_bytes(stripes: usize) -> usize {
    DIRECTORY_BYTES.next_multiple_of(page_size()) + stripes * COUNTER_BYTES.next_multiple_of(page_size())
}

/// Bytes of a page of the table of sockets.
pub(crate) fn socket_page_bytes() -> u64 {
    SOCKET_BYTES.next_multiple_of(page_size()) as u64
}

/// Bytes of the overflow counters.
pub(crate) fn overflow_bytes(stripes: usize) -> usize {
    (stripes * super::abi::OVERFLOW_BYTES).next_multiple_of(page_size())
}
