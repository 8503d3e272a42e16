// IPC bytes of row batches to usable series, from C++.
#include "harness/decode_case.h"

int main(int argc, char** argv) {
  return bench::RunDecodeTask(bench::Layout::kRows, argc, argv);
}
