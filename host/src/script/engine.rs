//! One run of one script: a JavaScript engine of its own that is thrown away afterwards.
//!
//! QuickJS-ng (`rquickjs`) and not Boa: it has a cap on memory and a hook that stops a program wherever it is, is one
//! file of C beside the C of the database and of the cryptography, and adds three crates; Boa has limits of loops and
//! depth but none of memory and time, and brings over a hundred crates. A run has no module loader, no timers and no
//! events: whatever a script can reach is in `evaluation.js`.

use core::{
    cell::{Cell, RefCell},
    time::Duration,
};
use std::rc::Rc;

use countersign_core::permission::{Claims, add_claims};
use rquickjs::{
    CatchResultExt as _, CaughtError, Context, Ctx, Exception, Function, Object, Runtime,
    context::{EvalOptions, intrinsic},
};

use super::Mishap;

/// Memory that one run may use, in bytes
const MEMORY: usize = 8 * 1024 * 1024;
/// Stack that one run may use, in bytes
const STACK: usize = 256 * 1024;
/// Processor time that one run may use
const TIME: Duration = Duration::from_millis(100);
/// Bytes of all claims that one run may add
const CLAIMS: usize = 8 * 1024;
/// Longest part of what a script threw that is told, in characters
const WORDS: usize = 200;

/// What scripts see, written in their own language
const EVALUATION: &str = include_str!("evaluation.js");

/// What the engine is made of, events and clocks of high resolution left out
type Parts = (
    intrinsic::Date,
    intrinsic::Eval,
    intrinsic::RegExpCompiler,
    intrinsic::RegExp,
    intrinsic::Json,
    intrinsic::Proxy,
    intrinsic::MapSet,
    intrinsic::Promise,
);

/// What a script said
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Its last word was `grant()`
    pub(super) permits: bool,
    /// Claims that it adds to the permission
    pub(super) claims: Claims,
}

/// Answers questions of a script, both as JSON texts; nothing if it cannot
pub(super) type Ask = dyn Fn(&str) -> Option<String>;

/// Whether a text is a program at all; if not, why
pub(super) fn check(code: &str) -> Result<(), Mishap> {
    let run = Run::new()?;
    // The body of a function that nobody calls: what counts is that it can be read.
    run.evaluate(&format!("(function () {{\n{code}\n}})"), |_| Ok(()))
}

/// Runs a script on the document of one evaluation
pub(super) fn run(code: &str, subject: String, ask: Rc<Ask>) -> Result<Verdict, Mishap> {
    let run = Run::new()?;
    let verdict = Rc::new(RefCell::new(Verdict::default()));
    let said = Rc::clone(&verdict);
    run.evaluate(code, move |ctx| {
        let act = act(ctx, &said, ask)?;
        ctx.eval::<Function<'_>, _>(EVALUATION)?.call::<_, ()>((subject, act))
    })?;
    Ok(verdict.take())
}

/// What reaches out of a run
fn act<'js>(ctx: &Ctx<'js>, verdict: &Rc<RefCell<Verdict>>, ask: Rc<Ask>) -> rquickjs::Result<Object<'js>> {
    let act = Object::new(ctx.clone())?;
    let said = Rc::clone(verdict);
    act.set(
        "say",
        Function::new(ctx.clone(), move |permits: bool| {
            said.borrow_mut().permits = permits;
        })?,
    )?;
    let said = Rc::clone(verdict);
    act.set(
        "claim",
        Function::new(ctx.clone(), move |ctx: Ctx<'_>, name: String, value: String| {
            let mut verdict = said.borrow_mut();
            let known = verdict.claims.iter().flat_map(|(name, values)| {
                values.iter().map(move |value| name.len().saturating_add(value.len()))
            });
            let size = known.fold(name.len().saturating_add(value.len()), usize::saturating_add);
            if size > CLAIMS {
                return Err(Exception::throw_range(&ctx, "too many claims"));
            }
            add_claims(&mut verdict.claims, &Claims::from([(name, vec![value])]));
            Ok(())
        })?,
    )?;
    act.set(
        "ask",
        Function::new(ctx.clone(), move |ctx: Ctx<'_>, question: String| {
            ask(&question).ok_or_else(|| Exception::throw_message(&ctx, "no answer"))
        })?,
    )?;
    Ok(act)
}

/// An engine under its limits
struct Run {
    context: Context,
    _runtime: Runtime,
    late: Rc<Cell<bool>>,
}

impl Run {
    fn new() -> Result<Self, Mishap> {
        let runtime = Runtime::new().map_err(|_| Mishap::Engine)?;
        runtime.set_memory_limit(MEMORY);
        runtime.set_max_stack_size(STACK);
        let late = Rc::new(Cell::new(false));
        let (noted, begin) = (Rc::clone(&late), processor_time());
        runtime.set_interrupt_handler(Some(Box::new(move || {
            let is_late = processor_time().saturating_sub(begin) >= TIME;
            if is_late {
                noted.set(true);
            }
            is_late
        })));
        let context = Context::builder().with::<Parts>().build(&runtime).map_err(|_| Mishap::Engine)?;
        Ok(Self { context, _runtime: runtime, late })
    }

    fn evaluate(
        &self,
        code: &str,
        prepare: impl for<'js> FnOnce(&Ctx<'js>) -> rquickjs::Result<()>,
    ) -> Result<(), Mishap> {
        self.context.with(|ctx| {
            prepare(&ctx).map_err(|_| Mishap::Engine)?;
            let mut options = EvalOptions::default();
            options.strict = false;
            let end = ctx.eval_with_options::<(), _>(code, options).catch(&ctx);
            if self.late.get() {
                // Also where it caught what stopped it.
                return Err(Mishap::TooLong);
            }
            end.map_err(|error| Mishap::Threw(words(&error)))
        })
    }
}

/// What was thrown, on one line and not too long
fn words(error: &CaughtError<'_>) -> String {
    let text = match error {
        CaughtError::Exception(exception) => {
            let name = exception.message().unwrap_or_default();
            let stack = exception.stack().unwrap_or_default();
            // The outermost frame is the script's own.
            let place = stack.lines().map(str::trim).rfind(|line| line.contains("eval_script"));
            format!("{name} {}", place.unwrap_or_default())
        }
        CaughtError::Error(error) => error.to_string(),
        CaughtError::Value(_) => "something that is no Error".to_owned(),
    };
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(WORDS).collect()
}

/// Processor time of this thread so far: a busy machine does not make a script late
fn processor_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(now).unwrap_or_default()
}

#[cfg(test)]
mod tests;
