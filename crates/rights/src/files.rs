//! Files: by Landlock, which looks at directories and not at modes.

use landlock::{
    ABI, Access as _, AccessFs, BitFlags, CompatLevel, Compatible as _, LandlockStatus, PathBeneath, PathFd, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
};

use crate::{Keep, Refused};

/// The newest version whose rights are handled; an older kernel restricts what it knows.
const NEWEST: ABI = ABI::V5;

/// Says what is left.
pub(crate) fn restrict(keep: &Keep) -> Result<String, Refused> {
    let status = try_to(keep).map_err(|error| Refused(error.to_string()))?;
    match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, LandlockStatus::NotEnabled) => {
            Err(Refused("switched off in this kernel (add landlock to its lsm= option)".to_owned()))
        }
        (RulesetStatus::NotEnforced, _) => Err(Refused("this kernel has no Landlock (Linux 5.13)".to_owned())),
        _ => Ok(format!(
            "reading {}, writing in {}, executing nothing",
            if keep.read { "everywhere" } else { "nothing" },
            match &*keep.write {
                [] => "nothing".to_owned(),
                paths => paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "),
            }
        )),
    }
}

fn try_to(keep: &Keep) -> Result<landlock::RestrictionStatus, RulesetError> {
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .scope(Scope::Signal)?
        .create()?;
    if keep.read
        && let Ok(root) = PathFd::new("/")
    {
        ruleset = ruleset.add_rule(PathBeneath::new(root, AccessFs::ReadFile | AccessFs::ReadDir))?;
    }
    // Landlock's rights hold for all below: files there may be anybody's.
    let removed = BitFlags::from(AccessFs::RemoveDir);
    let write = keep.write.iter().map(|path| (path, written()));
    for (path, rights) in write.chain(keep.remove.iter().map(|path| (path, removed))) {
        // Where there is none, whoever wants to write there will say so.
        if let Ok(directory) = PathFd::new(path) {
            ruleset = ruleset.add_rule(PathBeneath::new(directory, rights))?;
        }
    }
    ruleset.restrict_self()
}

/// All that is done with ordinary files and sockets.
fn written() -> BitFlags<AccessFs> {
    AccessFs::from_all(NEWEST) & !(AccessFs::Execute | AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev)
}
