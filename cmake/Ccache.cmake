# Uses ccache where it is installed. GCC can cache compilations that use a precompiled header
# only with these two settings (ccache manual, "Precompiled headers"). Paths count from the
# source tree (the same manual, "Compiling in different directories"), so that every clone
# finds what another has compiled.
find_program(CARRYALL_CCACHE ccache)
if(CARRYALL_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1
      ${CARRYALL_CCACHE})
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>)
endif()
