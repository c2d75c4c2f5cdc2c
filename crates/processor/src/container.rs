//! The container that a cgroup is of, by its path.

/// Key of a container's id.
pub(crate) const CONTAINER_ID: &str = "container.id";

/// The id of the innermost container: 64 hexadecimal digits, alone or behind the name of a runtime; or a task of ECS.
pub(crate) fn container_id(path: &str) -> Option<&str> {
    path.rsplit('/').find_map(|segment| {
        let name = segment.strip_suffix(".scope").unwrap_or(segment);
        // What looks after a container is beside it, not in it.
        if name.contains("conmon") {
            return None;
        }
        let last = name.rsplit_once(['-', ':']).map_or(name, |(_, last)| last);
        [name, last].into_iter().find(|text| is_id(text, 64)).or_else(|| {
            let (task, number) = name.split_once('-')?;
            let numbered = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            (is_id(task, 32) && numbered).then_some(name)
        })
    })
}

fn is_id(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_in_the_paths_of_all_runtimes() {
        let id = "0123456789abcdef".repeat(4);
        for path in [
            format!("/docker/{id}"),
            format!("/system.slice/docker-{id}.scope"),
            format!("/kubepods.slice/kubepods-pod1.slice/cri-containerd-{id}.scope"),
            format!("/kubepods/burstable/pod1/{id}"),
            format!("/kubepods.slice/crio-{id}.scope/init"),
            format!("/machine.slice/libpod-{id}.scope/container"),
            format!("/kubelet/kubepods-pod1.slice:cri-containerd:{id}"),
            format!("/docker/{}/docker/{id}", "f".repeat(64)),
        ] {
            assert_eq!(container_id(&path), Some(&*id), "{path}");
        }
        let task = "0123456789abcdef0123456789abcdef-1234567890";
        assert_eq!(container_id(&format!("/ecs/task/{task}")), Some(task));
    }

    #[test]
    fn what_is_no_container_has_none() {
        let id = "0123456789abcdef".repeat(4);
        let conmon = format!("/machine.slice/libpod-conmon-{id}.scope");
        let capital = format!("/docker/{}", id.to_uppercase());
        for path in ["", "/", "/user.slice/user-0.slice/session-1.scope", "/docker/0123", &conmon, &capital] {
            assert_eq!(container_id(path), None, "{path}");
        }
    }
}
