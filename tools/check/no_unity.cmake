# SPDX-License-Identifier: Apache-2.0
# Included before project() by tools/check/tidy: at the end of the configuration, every target is built file by file.
function(mooring_no_unity folder)
  get_property(targets DIRECTORY ${folder} PROPERTY BUILDSYSTEM_TARGETS)
  foreach(target ${targets})
    set_property(TARGET ${target} PROPERTY UNITY_BUILD OFF)
  endforeach()
  get_property(folders DIRECTORY ${folder} PROPERTY SUBDIRECTORIES)
  foreach(below ${folders})
    mooring_no_unity(${below})
  endforeach()
endfunction()
cmake_language(DEFER DIRECTORY ${CMAKE_SOURCE_DIR} CALL mooring_no_unity ${CMAKE_SOURCE_DIR})
