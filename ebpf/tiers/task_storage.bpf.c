// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
/* Tier 1: BTF tracepoints with task storage; Linux 5.13 and later with BTF. */
#include "../kernel_types.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "../storage/task.h"
#include "../tracing.h"
