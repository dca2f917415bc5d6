// SPDX-License-Identifier: Apache-2.0
// The non-template half of Asio, compiled once (BOOST_ASIO_SEPARATE_COMPILATION).
#include <boost/asio/impl/src.hpp>
