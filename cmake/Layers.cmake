# The dependency table, and the only copy of it: folder -> folders it may include.
# An edge that is not here fails at configure time (carryall_library) and in
# `scripts/check layers` (which reads the #include lines).
set(CARRYALL_FOLDERS
    base model kernels formula codec wire mux metadata catalogue files archive flight kafka
    backend backend/mock backend/archive relay client publish backend/kafka server proxy)

set(CARRYALL_LAYER_base "")
set(CARRYALL_LAYER_model base)
set(CARRYALL_LAYER_kernels base)
set(CARRYALL_LAYER_formula base)
set(CARRYALL_LAYER_codec base model kernels)
set(CARRYALL_LAYER_wire base model)
set(CARRYALL_LAYER_mux base model)
set(CARRYALL_LAYER_metadata base model)
set(CARRYALL_LAYER_catalogue base model metadata)
set(CARRYALL_LAYER_files base model kernels codec)
set(CARRYALL_LAYER_archive base model kernels codec files)
set(CARRYALL_LAYER_flight base model kernels codec wire)
set(CARRYALL_LAYER_kafka base)
set(CARRYALL_LAYER_backend base model kernels codec wire metadata)
set(CARRYALL_LAYER_backend/mock base model kernels formula codec wire metadata backend)
set(CARRYALL_LAYER_backend/archive base model kernels codec wire metadata files archive backend)
set(CARRYALL_LAYER_relay base model kernels codec wire mux metadata kafka backend)
set(CARRYALL_LAYER_client base model kernels codec wire mux flight kafka backend relay)
set(CARRYALL_LAYER_publish base model kernels codec wire flight kafka client)
set(CARRYALL_LAYER_backend/kafka base model wire metadata catalogue kafka backend relay)
set(CARRYALL_LAYER_server base model kernels codec wire metadata flight backend)
set(CARRYALL_LAYER_proxy base wire flight client server)
