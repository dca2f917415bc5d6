# SPDX-License-Identifier: Apache-2.0
add_library(mooring_flags INTERFACE)
target_compile_options(mooring_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor
                                               -Wno-missing-field-initializers)
target_compile_definitions(mooring_flags INTERFACE BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_SEPARATE_COMPILATION
                                                   BOOST_BEAST_SEPARATE_COMPILATION)
target_include_directories(mooring_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_link_libraries(mooring_flags INTERFACE Threads::Threads)
if(MOORING_WERROR)
  target_compile_options(mooring_flags INTERFACE -Werror)
endif()
if(MOORING_SANITIZE)
  target_compile_options(mooring_flags INTERFACE -fsanitize=${MOORING_SANITIZE} -fno-omit-frame-pointer
                                                 -fno-sanitize-recover=all)
  target_link_options(mooring_flags INTERFACE -fsanitize=${MOORING_SANITIZE})
endif()

# One room, or one folder of it: every .cpp in the calling folder (not below it) becomes one library.
#   mooring_library(base_plist [NO_UNITY] [PUBLIC targets...] [PRIVATE targets...])
function(mooring_library name)
  cmake_parse_arguments(ARG "NO_UNITY" "" "PUBLIC;PRIVATE;SOURCES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  foreach(folder ${ARG_SOURCES})
    file(GLOB more CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.cpp)
    list(APPEND sources ${more})
  endforeach()
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC mooring_flags ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
  if(NOT ARG_NO_UNITY)
    set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
  endif()
endfunction()

# Files become std::string_view in a generated source: mooring_embed(target output_stem namespace files...)
# The generated header is <output_stem>.hpp with `std::span<const EmbeddedFile> files();`
function(mooring_embed target stem namespace)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${stem}.cpp)
  string(REPLACE ";" "|" joined "${ARGN}")
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DOUT=${out} -DNAMESPACE=${namespace} "-DFILES=${joined}"
            -P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${ARGN} ${PROJECT_SOURCE_DIR}/cmake/embed.cmake VERBATIM)
  target_sources(${target} PRIVATE ${out})
endfunction()

# One test binary per folder; every test in it is a ctest test of its own. With SHARDS n it runs as n ctest tests
# instead: for binaries that start something dear, once each.
function(mooring_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT;SHARDS" "LINK;LABELS;PROPERTIES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.cpp)
  if(NOT sources)
    return()
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE mooring_flags ${ARG_LINK} GTest::gmock GTest::gtest_main)
  set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 6)
  if(ARG_SHARDS)
    math(EXPR last "${ARG_SHARDS} - 1")
    foreach(shard RANGE ${last})
      add_test(NAME ${name}.${shard} COMMAND ${name})
      set_tests_properties(${name}.${shard} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}"
        ENVIRONMENT "GTEST_TOTAL_SHARDS=${ARG_SHARDS};GTEST_SHARD_INDEX=${shard}" ${ARG_PROPERTIES})
    endforeach()
    return()
  endif()
  include(GoogleTest)
  gtest_discover_tests(${name} NO_PRETTY_VALUES DISCOVERY_TIMEOUT 60 DISCOVERY_MODE PRE_TEST
                       PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}" ${ARG_PROPERTIES})
endfunction()
