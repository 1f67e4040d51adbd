//! Clients over real connections against an engine of the mind.
mod engine;
mod kubectl;
mod over_spdy;
mod over_websocket;
mod stage;
