"""The service with workers that keep every connection they get, to measure by: no product option turns it on."""

import sys

import service as shipped
from serving import worker_balance

worker_balance.SPREAD = sys.maxsize
service = shipped.service
