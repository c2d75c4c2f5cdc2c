//! What the agent says of itself over HTTP.
//!
//! [`health_check`] answers whether data can flow, for orchestrators; [`zpages`] shows what runs, for people.
//! Both look at the service, through [`Observe`](component::Observe), when they are asked. `server` listens for both.
#![forbid(unsafe_code)]

pub mod health_check;
mod server;
pub mod zpages;

#[cfg(test)]
mod tests;
