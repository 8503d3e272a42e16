#pragma once

namespace carryall {

/// Makes the C library keep up to 64 MiB of freed memory for each of its arenas instead
/// of giving it back to the system at once, unless the user set MALLOC_TRIM_THRESHOLD_.
/// gRPC frees every received message on another thread than allocated it: with the
/// defaults each message returns its pages and faults them in again (20,000 faults for
/// 131 MB of samples, 3,000 with this; 40 % less system time). For the whole process,
/// once; thread safe.
///
/// Fastbins stay: without them (M_MXFAST) descriptions of 10,000 channels take 15 %
/// longer.
void TuneHeap();

}  // namespace carryall
