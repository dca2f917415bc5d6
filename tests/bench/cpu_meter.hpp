// SPDX-License-Identifier: Apache-2.0
// CPU time of processes as the kernel counts it: /proc/PID/stat, in ticks of 10 ms.
#pragma once

#include <sys/types.h>

namespace mooring::bench {

/// User and system seconds of one process with all its threads, ended ones included.
double process_cpu(pid_t pid);

/// The same with all children: those that live, and those that ended and were waited for. Right for a
/// postmaster: its backends are its children and have none themselves.
double family_cpu(pid_t pid);

/// This process, precise to the microsecond.
double own_cpu();

}  // namespace mooring::bench
