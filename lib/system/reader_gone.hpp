// The reader of standard output has closed it, as head(1) does after its lines.
#pragma once

#include "base/error.hpp"

namespace leakline {

// Not a failure: it ends work that only writes there, and the program then exits with 0.
class ReaderGone : public Error {
  public:
    ReaderGone() : Error(ErrorKind::system, "standard output", "the reader has closed it") {}
};

}  // namespace leakline
