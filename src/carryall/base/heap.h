#pragma once

namespace carryall {

/// Makes the C library keep up to 64 MiB of freed memory for each of its arenas instead
/// of giving it back to the system at once, unless the user set MALLOC_TRIM_THRESHOLD_.
/// gRPC frees every received message on another thread than allocated it: with the
/// defaults each message returns its pages and faults them in again (20,000 faults for
/// 131 MB of samples, 3,000 with this; 40 % less system time). For the whole process,
/// once; thread safe.
void TuneHeap();

/// Makes the C library do without fastbins. With them every free of a large block merges
/// all small ones there are, under the arena's lock, which other threads wait for: a
/// server's 200 live streams keep their rhythm to 1 to 10 ms (p99) without, 4 to 20 with
/// them. Where one thread makes and drops many small objects it takes longer (Python's
/// blocks: up to twice). For the whole process; thread safe.
void DropFastbins();

}  // namespace carryall
