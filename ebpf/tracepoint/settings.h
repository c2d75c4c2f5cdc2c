/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
 *
 * What is collected. There is no global data before 5.2, so a setting is the value of an enumerator: the agent writes
 * an enumeration with the values that it wants, and relocation puts them into the instructions, as it does with the
 * offsets of events.h. Names are those of the settings of the other tiers.
 */
#pragma once

#include "../kernel_types.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

enum tfo_settings {
	collect_syscalls = 1,
	collect_network = 2,
	collect_fileio = 3,
	collect_scheduler = 4,
	collect_memory = 5,
	collect_tcpstate = 6,
	syscall_histograms = 7,
	network_histograms = 8,
	fileio_histograms = 9,
	scheduler_histograms = 10,
	tcpstate_histograms = 11,
	sample_rate = 12,
};

#define SETTING(name) bpf_core_enum_value(enum tfo_settings, name)
