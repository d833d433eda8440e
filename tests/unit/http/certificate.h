#pragma once

#include <string>

#include "unit/http/http_stand_in.h"

namespace faultd {

// A self-signed server certificate in a folder of its own, which goes with it.
class TestCertificate {
 public:
  explicit TestCertificate(const std::string& host);
  ~TestCertificate();

  std::string certificate_path() const { return folder_ + "/certificate.pem"; }
  HttpStandIn::Tls tls() const { return {certificate_path(), folder_ + "/key.pem"}; }

 private:
  std::string folder_;
};

}  // namespace faultd
