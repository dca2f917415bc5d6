// SPDX-License-Identifier: Apache-2.0
// The non-template half of Beast and of Asio's TLS, compiled once (BOOST_*_SEPARATE_COMPILATION).
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
