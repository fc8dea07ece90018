# SPDX-License-Identifier: Apache-2.0
#
# For cases: a USB gadget that "sealkey run --gadget /dev/hidg0" serves, at the
# other end of the cable that dummy_hcd is. Serial number 1.

# The FIDO report descriptor: 64 bytes in, 64 bytes out.
report_descriptor='\x06\xd0\xf1\x09\x01\xa1\x01\x09\x20\x15\x00\x26\xff\x00'
report_descriptor+='\x75\x08\x95\x40\x81\x02\x09\x21\x15\x00\x26\xff\x00'
report_descriptor+='\x75\x08\x95\x40\x91\x02\xc0'
gadget=/sys/kernel/config/usb_gadget/sealkey

# set_gadget FILE VALUE
set_gadget()
{
	echo "$2" >"$gadget/$1"
}

make_gadget()
{
	# another case may have made it
	if [ -d "$gadget" ]; then
		set_gadget UDC "$(basename /sys/class/udc/dummy_udc.*)"
		return
	fi
	mountpoint -q /sys/kernel/config ||
	    mount -t configfs configfs /sys/kernel/config || return
	mkdir -p "$gadget/strings/0x409" "$gadget/configs/c.1" \
	    "$gadget/functions/hid.key" &&
	set_gadget idVendor 0x1209 &&
	set_gadget idProduct 0x0001 &&
	set_gadget strings/0x409/manufacturer sealkey &&
	set_gadget strings/0x409/product "security key" &&
	set_gadget strings/0x409/serialnumber 1 &&
	set_gadget functions/hid.key/report_length 64 &&
	printf '%b' "$report_descriptor" \
	    >"$gadget/functions/hid.key/report_desc" &&
	ln -s "$gadget/functions/hid.key" "$gadget/configs/c.1/" &&
	set_gadget UDC "$(basename /sys/class/udc/dummy_udc.*)"
}
