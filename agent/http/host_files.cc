#include "http/host_files.h"

namespace faultd {

boost::asio::execution_context::id HostFiles::id;

}  // namespace faultd
