//! The terminal: taken over, drawn on, and given back as it was, however this ends.

use std::io::{self, stdout};
use std::sync::Once;

use crossterm::cursor::Show;
use crossterm::event::{Event, EventStream, KeyEventKind};
use crossterm::execute;
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode,
};
use ratatui::backend::CrosstermBackend;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_stream::StreamExt as _;

use super::keys::{self, Next};
use super::messages::Messages;
use super::screen::Screen;
use super::source::Source;
use super::state::State;
use super::view;

/// Shows what `source` reads until a key, a signal or the terminal's end.
///
/// # Errors
/// Those of the terminal.
pub(super) async fn show(
    source: &mut Source,
    state: &mut State,
    screen: &mut Screen,
    messages: &Messages,
) -> io::Result<()> {
    let mut signals = Signals::listen()?;
    let mut terminal = Terminal::enter()?;
    let mut keys = EventStream::new();
    let (mut told, _) = messages.last();
    loop {
        terminal.draw(screen)?;
        tokio::select! {
            biased;
            () = signals.any() => return Ok(()),
            event = keys.next() => match event {
                Some(Ok(Event::Key(key))) if key.kind == KeyEventKind::Press => {
                    if keys::press(screen, key) == Next::Quit {
                        return Ok(());
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error),
                // Nobody is there any more.
                None => return Ok(()),
            },
            reading = source.next() => {
                let Some(reading) = reading else { return Err(io::Error::other("the pipeline has ended")) };
                for reading in std::iter::once(reading).chain(source.more().await) {
                    screen.trouble = match reading {
                        Ok(reading) => {
                            state.take(reading);
                            None
                        }
                        Err(trouble) => Some(trouble),
                    };
                }
                screen.show(state.picture());
            }
        }
        let (count, last) = messages.last();
        if count > told {
            (told, screen.message) = (count, last);
        }
    }
}

/// The terminal in our hands. Dropping it gives it back.
struct Terminal(ratatui::Terminal<CrosstermBackend<io::Stdout>>);

impl Terminal {
    fn enter() -> io::Result<Self> {
        // Also where one of these fails.
        let back = GiveBack;
        give_back_at_panic();
        enable_raw_mode()?;
        execute!(stdout(), EnterAlternateScreen)?;
        let terminal = ratatui::Terminal::new(CrosstermBackend::new(stdout()))?;
        std::mem::forget(back);
        Ok(Self(terminal))
    }

    /// Draws as a whole, so that nobody sees half of it.
    fn draw(&mut self, screen: &mut Screen) -> io::Result<()> {
        execute!(stdout(), BeginSynchronizedUpdate)?;
        self.0.draw(|frame| view::draw(frame, screen))?;
        execute!(stdout(), EndSynchronizedUpdate)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        give_back();
    }
}

struct GiveBack;

impl Drop for GiveBack {
    fn drop(&mut self) {
        give_back();
    }
}

fn give_back() {
    // There is nothing else to try, and nobody to tell.
    let _ = disable_raw_mode();
    let _ = execute!(stdout(), EndSynchronizedUpdate, LeaveAlternateScreen, Show);
}

/// A panic is told on a terminal that can show it, and ends the view, in whatever task it happens.
fn give_back_at_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            tell(panic);
            std::process::exit(101);
        }));
    });
}

/// The signals that end the view.
struct Signals([Signal; 4]);

impl Signals {
    fn listen() -> io::Result<Self> {
        let [terminate, interrupt, hang_up, quit] =
            [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup(), SignalKind::quit()].map(signal);
        Ok(Self([terminate?, interrupt?, hang_up?, quit?]))
    }

    async fn any(&mut self) {
        let [terminate, interrupt, hang_up, quit] = &mut self.0;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hang_up.recv() => {}
            _ = quit.recv() => {}
        }
    }
}
