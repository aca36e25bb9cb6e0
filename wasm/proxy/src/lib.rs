//! The decision module as a filter of Envoy.
//!
//! Every worker thread of Envoy runs this module with a guard of its own. Requests are judged as they come; what has to
//! be asked of the authorization server is asked in the name of the plugin, not of the request, so that a client that
//! hangs up takes nothing from those who wait with it. Keys and the status list are in data that all workers share.

use proxy_wasm::types::LogLevel;

mod filter;
mod root;
mod statistics;
mod worker;

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|id| Box::new(root::Root::new(id)));
}}
