//! `tfo-agent top`: what the agent counts, live, on a terminal or as plain tables.
//!
//! A `source` delivers readings (`reading`): the page of an agent that runs, or a pipeline inside with programs of
//! its own. `state` makes rates of them, `screen` knows what is shown in which order, `view` draws it, `keys` change
//! it, `terminal` is where all of that meets people.

mod buckets;
mod columns;
mod figures;
mod keys;
mod messages;
mod options;
mod plain;
mod reading;
mod screen;
mod source;
mod state;
mod terminal;
mod units;
mod view;

use std::io::{self, IsTerminal as _, Write as _, stdout};
use std::process::ExitCode;

use messages::Messages;
pub(crate) use options::Options;
use reading::Own;
use screen::Screen;
use source::Source;
use state::State;
use tokio::task::LocalSet;

/// What is wrong, and how the process ends with it.
type Failure = (String, ExitCode);

/// Shows until it is told to end.
pub(crate) fn run(options: &Options) -> ExitCode {
    let messages = Messages::default();
    let outcome = attempt(options, &messages);
    let mut stderr = io::stderr().lock();
    // There is nowhere else to say it.
    let mut last = String::new();
    for message in messages.take() {
        if message != last {
            let _ = writeln!(stderr, "{message}");
        }
        last = message;
    }
    let Err((text, code)) = outcome else { return ExitCode::SUCCESS };
    let _ = writeln!(stderr, "{text}");
    code
}

fn attempt(options: &Options, messages: &Messages) -> Result<(), Failure> {
    let failed = |text: String| (text, ExitCode::FAILURE);
    if options.is_plain() {
        Messages::tell();
    } else if stdout().is_terminal() && io::stdin().is_terminal() {
        messages.keep();
    } else {
        return Err(failed("top needs a terminal to draw on: use --once for a plain table, or --batch".to_owned()));
    }
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let tokio = tokio.map_err(|error| failed(error.to_string()))?;
    // A service stays on its thread.
    LocalSet::new().block_on(&tokio, async {
        let mut source = Source::find(options).await?;
        let mut screen = Screen::new(source.name.clone(), options.sort, options.filter.clone(), options.totals);
        let mut state = State::default();
        let outcome = match begin(&mut source, &mut state).await {
            Err(text) => Err(text),
            Ok(()) if options.is_plain() => print(options, &mut source, &mut state, &mut screen).await,
            Ok(()) => {
                screen.show(state.picture());
                let shown = terminal::show(&mut source, &mut state, &mut screen, messages).await;
                shown.map_err(|error| format!("the terminal: {error}"))
            }
        };
        source.stop().await;
        outcome.map_err(failed)
    })
}

/// Why nothing comes any more.
const ENDED: &str = "the pipeline has ended";

/// Waits for the first reading, so that what is wrong from the beginning is said in plain text.
async fn begin(source: &mut Source, state: &mut State) -> Result<(), String> {
    loop {
        let first = source.next().await.ok_or(ENDED)?;
        for reading in std::iter::once(first).chain(source.more().await) {
            state.take(reading?);
        }
        // One receiver of several tells of all.
        if !source.is_own() || state.agent(Own::Attached).is_some() {
            break;
        }
    }
    if source.is_own() && state.agent(Own::Attached) == Some(0.0) {
        return Err("nothing could be attached, so there is nothing to show: root, or CAP_BPF and CAP_PERFMON, is \
                    needed; tfo-agent doctor says what is missing; --url shows an agent that runs"
            .to_owned());
    }
    Ok(())
}

/// Prints as many tables as are wanted, each of news.
async fn print(options: &Options, source: &mut Source, state: &mut State, screen: &mut Screen) -> Result<(), String> {
    // What an agent that runs has counted is there at once; rates need a second reading.
    let mut news = !source.is_own() && options.totals;
    let mut printed = 0;
    loop {
        if news {
            screen.show(state.picture());
            // Whoever closes the pipe has seen enough, as `head` does.
            if plain::print(&mut stdout().lock(), screen).is_err() {
                return Ok(());
            }
            printed += 1;
            if printed >= options.tables() {
                return Ok(());
            }
        }
        let first = source.next().await.ok_or(ENDED)?;
        news = false;
        for reading in std::iter::once(first).chain(source.more().await) {
            news |= state.take(reading?);
        }
        news &= state.is_rated();
    }
}
