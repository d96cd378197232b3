//! The one integration binary: every test that needs the library as others see it, the program, or a server.
//! One file a topic; `harness` has what they share. Each test starts its own server on a free port, so they run in any
//! order and side by side.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test that cannot go on should stop where it stands"
)]

mod answers; // answers of every size and damage
mod auth; // signing in, every way
mod blocks; // the code blocks of README and book, run
mod bodies; // what a write sends, and what it refuses to send
mod book; // the book as a whole: built, linked, and true to the help
mod child; // the program as a child process
mod completion; // completions of shells, and the manual
mod conditions; // what WHERE asks of a method beyond its rows
mod conformance; // whole registries, each method against a server made up from its document
mod cursors; // lists by cursor and by link that break
mod decoding; // the decoder against serde_json, and its fuzz loop
mod desk; // commands and results of the shell, at a terminal and through a pipe
mod documents; // facts of the built-in documents that no statement shows
mod door; // the smallest provider
mod errors; // the table of failures: message, hint, exit code
mod examples; // the scripts of examples/, run as they say
mod exit_codes; // each exit code of the program, and a statement that ends so
mod explain; // what EXPLAIN says of a read
mod faults; // lists that break in the middle
#[cfg(unix)]
mod fire; // what the tests of writes under fire share
mod formats; // every format: hostile values, files, switches, the page in a browser
#[cfg(unix)]
mod gate; // a gate between program and sandbox that holds requests and answers
mod gated; // a server that waits to be told
mod graphql; // queries of GraphQL: values in their places, pages, errors
mod guards; // guards and previews of writes, as the program has them
mod harness;
mod joins; // how many requests a join takes
#[cfg(unix)]
mod kills; // writes that are killed, and resumed
mod layers; // the floors of the house, read from the sources
mod lies; // answers for another thing than was asked for
mod limits; // limits that several processes keep together
mod lists; // random lists, served and in memory
mod odd; // writes to a provider with awkward documents
mod outcomes; // bad documents, partial writes, strictness, assertions
mod paged; // StackQL's forms of paging, and paging that is inferred
mod pages; // README and book, cut into blocks
mod profiles; // the configuration file, profiles and catalogs
mod program; // streams, files, scripts and exit codes of the program
mod property; // random reads against the same rows in memory
mod provider; // a provider of other shapes, from a folder
mod pushed; // what StackQL documents let LIMIT, WHERE and columns say to the API
mod reads; // how many requests a read takes
mod requests; // what is sent for documents as StackQL's authors write them
mod reshaped; // answers that a document reshapes: templates, XML, maps, text
mod rows; // every row with right types, in every shape the API was seen in
mod scripted; // a server that answers what it is told
mod scripts; // variables, branches, events and checks of scripts
mod secrets; // canaries
mod seeds; // the published examples, and what the server saw
#[cfg(unix)]
mod shell; // the interactive shell, in a terminal and without one
#[cfg(unix)]
mod soak; // writes that are killed at random moments; asked for by name
mod stackql_registry; // a registry of StackQL, walked where there is one
mod statements; // tests/sql: statements with their answers and requests
mod streaming; // first rows first, bounded memory, cancellation
#[cfg(unix)]
mod terminal; // the program in a pseudo-terminal, and its screen
#[cfg(unix)]
mod trouble; // writes that meet trouble and are not killed
mod views; // views that documents give
