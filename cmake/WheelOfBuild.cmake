# A wheel of what another build directory has, in seconds: that one's install rules fill it.
foreach(target carryall carryall_core)
  add_custom_target(${target})
endforeach()
install(CODE "execute_process(COMMAND \"${CMAKE_COMMAND}\" --install \"${CARRYALL_PREBUILT}\"
  --component wheel --prefix \"\${CMAKE_INSTALL_PREFIX}\" COMMAND_ERROR_IS_FATAL ANY)"
  COMPONENT wheel)
install(CODE "execute_process(COMMAND \"${CMAKE_COMMAND}\" --install \"${CARRYALL_PREBUILT}\"
  --component wheel_program --prefix \"${SKBUILD_SCRIPTS_DIR}\" COMMAND_ERROR_IS_FATAL ANY)"
  COMPONENT wheel_program)
