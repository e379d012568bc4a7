// What reads our standard output has closed it, as head(1) does once it has its lines.
#pragma once

#include "base/error.hpp"

namespace leakline {

// No failure: it ends what has nothing else to do than to write there, and the program then ends with 0.
class ReaderGone : public Error {
  public:
    ReaderGone() : Error(ErrorKind::system, "standard output", "the reader has closed it") {}
};

}  // namespace leakline
