"""CPU time a stride of 1/16 s: decode, select, mux, assemble and encode, over a feed in the
process that hands out finished messages of up to 80 float32 channels with one sample each.

`323x767`: 767 wanted channels over 323 partitions, in column form; `/broker`: with librdkafka
and a real broker in place of the feed, at the pace of the data. `3900x2000` and
`3900x311000`: as many wanted of 311,000 channels in 3,900 partitions; who wants all records
them, in our compact form (`/columns`: in column form). Floors: 40 times the best stock path,
and 10 % (`3900x2000`, `/broker`) and 25 % of one core."""

STRIDE_US = 62_500

PARTITIONS, PER_PARTITION, WANTED = 323, 80, 767
BROKER_STRIDES, BROKER_WARM = 64, 160


def sample(channel: int, stride: int) -> float:
    return float((channel * 7 + stride * 13) % 8192)


CASES = [
    {"case": "323x767", "unit": "us", "floor": {"ratio_stock": 40}},
    {"case": "323x767/broker", "unit": "us", "contenders": ("ours",),
     "floor": {"ours": 0.10 * STRIDE_US}},
    {"case": "3900x2000", "unit": "us", "contenders": ("ours",),
     "floor": {"ours": 0.10 * STRIDE_US}},
    {"case": "3900x311000", "unit": "us", "contenders": ("ours",),
     "floor": {"ours": 0.25 * STRIDE_US}},
    {"case": "3900x311000/columns", "unit": "us", "contenders": ("ours",)},
]
