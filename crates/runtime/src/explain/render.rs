//! The table of layers.

use std::fmt::Write as _;

use super::{Layer, State};

/// Writes the layers as a table: state, layer, what the kernel said, and below it why the layer
/// was given up. `width` bounds the lines where it can; `colour` adds terminal colours.
#[must_use]
pub fn render(layers: &[Layer], width: usize, colour: bool) -> String {
    let name_width = layers.iter().map(|layer| layer.name.len()).max().unwrap_or_default();
    let indent = STATE_WIDTH + 2 + name_width + 2;
    let text_width = width.saturating_sub(indent).max(24);
    let mut table = String::new();
    for layer in layers {
        let (word, code) = state(layer.state);
        let word = format!("{word:<STATE_WIDTH$}");
        let word = if colour { format!("\x1b[{code}m{word}\x1b[0m") } else { word };
        let mut text = wrap(&printable(&layer.kernel), text_width);
        if let Some(why) = &layer.given_up {
            text.extend(wrap(&format!("given up: {}", printable(why)), text_width));
        }
        let mut lines = text.into_iter();
        let first = lines.next().unwrap_or_default();
        let line = format!("{word}  {:<name_width$}  {first}", layer.name);
        let _ = writeln!(table, "{}", line.trim_end());
        for line in lines {
            let _ = writeln!(table, "{:indent$}{line}", "");
        }
    }
    table
}

const STATE_WIDTH: usize = 7;

fn state(state: State) -> (&'static str, u8) {
    match state {
        State::InForce => ("yes", 32),
        State::Partly => ("partly", 33),
        State::NotInForce => ("no", 31),
        State::Unknown => ("unknown", 35),
    }
}

/// Labels and paths may come from whoever made the container: no control character of theirs
/// reaches the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
