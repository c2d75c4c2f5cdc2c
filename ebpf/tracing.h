/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * The programs of every tier with BTF; a file of ebpf/tiers includes its storage, then this.
 *
 * One program per hook, shared by every receiver that needs it. Attached in this
 * order: tfo_switch, tfo_fork, tfo_rename; tfo_adopt is run once; then the
 * collectors' own. So no hook of a collector meets a task that is not ours.
 */
#pragma once

#include "hooks/calls.h"
#include "hooks/iterators.h"
#include "hooks/tasks.h"
#include "hooks/tcp.h"
#include "hooks/transfers.h"

char LICENSE[] SEC("license") = "GPL";
